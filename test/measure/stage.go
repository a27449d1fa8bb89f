package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// stage is a node, whose key pair is the listener's too, in a temporary
// folder. This machine's own CFEngine is left alone.
type stage struct {
	options
	dir   string
	agent string // folder of cf-agent
	node  string // the node's work directory

	envelopes envelopes       // once they are signed
	pairs     []*hostkey.Pair // of those who sign, in turn
}

func openStage(ctx context.Context, o options) (*stage, error) {
	s := &stage{options: o}
	agent, err := exec.LookPath("cf-agent")
	if err != nil {
		return s, fmt.Errorf("%w: install CFEngine, or run test/bench, which does", err)
	}
	s.agent = filepath.Dir(agent)
	if s.dir, err = os.MkdirTemp(o.under, "messages-bench-"); err != nil {
		return s, err
	}
	s.node = filepath.Join(s.dir, "node")
	return s, s.makeNode(ctx)
}

// makeNode lays out a work directory. Without the link bin in it cf-agent
// falls back to a policy that starts daemons.
func (s *stage) makeNode(ctx context.Context) error {
	for _, dir := range []string{"inputs", "modules/promises", "state", "ppkeys"} {
		if err := os.MkdirAll(filepath.Join(s.node, dir), 0o700); err != nil {
			return err
		}
	}
	module, err := os.ReadFile(filepath.Join(s.bin, "messages"))
	if err != nil {
		return fmt.Errorf("%w: build/programs makes it", err)
	}
	err = errors.Join(os.Symlink(s.agent, filepath.Join(s.node, "bin")), os.WriteFile(s.module(), module, 0o755))
	if err == nil {
		_, err = s.output(ctx, "cf-key")
	}
	return err
}

// close leaves nothing behind.
func (s *stage) close() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func (s *stage) keys() string { return filepath.Join(s.node, "ppkeys") }

// module is where masterfiles put it on a node.
func (s *stage) module() string { return filepath.Join(s.node, "modules", "promises", "messages") }

// patience bounds every program that is run to its end.
const patience = time.Minute

// output runs a program on the node and returns what it prints.
func (s *stage) output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := s.command(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return text, nil
}

// command is a program of CFEngine, or another by its path, as it would run on
// the node.
func (s *stage) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if !strings.Contains(name, "/") {
		name = filepath.Join(s.agent, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+s.node)
	cmd.WaitDelay = time.Second // a descendant that is killed late may hold the output
	return cmd
}
