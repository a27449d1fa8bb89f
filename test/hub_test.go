package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/test/ports"
)

// hub is a listener with a socket for each pattern, to be started, killed and
// started again.
type hub struct {
	bin, dir, state, config, log string
	endpoints                    map[string]string // by socket, see newHub
	kills                        atomic.Int64

	cmd   *exec.Cmd
	ended chan error
}

// newHub lays out a listener with these sockets, each on a port of its own: a
// name, such as "pair 2", begins with the pattern. Of publications it wants
// those of hosts.
func newHub(t *testing.T, sockets ...string) *hub {
	t.Helper()
	bin, dir := needPrograms(t), t.TempDir()
	h := &hub{bin: bin, dir: dir, state: dir + "/state", config: dir + "/hub.yaml", log: dir + "/listener.log", endpoints: map[string]string{}}
	if err := makeNode(dir+"/hub", bin); err != nil {
		t.Fatal(err)
	}
	text := "state: " + h.state + "\nkeys: " + dir + "/hub/ppkeys\nfeeds:\n  host: {from: trusted}\nlisteners:\n"
	for _, name := range sockets {
		h.endpoints[name] = "tcp://127.0.0.1:" + ports.Free(t)
		pattern, _, _ := strings.Cut(name, " ")
		text += fmt.Sprintf("  - pattern: %s\n    bind: [%q]\n", pattern, h.endpoints[name])
		if pattern == "publish" {
			text += "    subscribe: [host]\n"
		}
	}
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// newNode makes a node that the hub trusts.
func (h *hub) newNode(t *testing.T, name string) (work string, digest hostkey.Digest) {
	t.Helper()
	work = filepath.Join(h.dir, strings.ReplaceAll(name, " ", "_"))
	if err := makeNode(work, h.bin); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(work+"/ppkeys/localhost.pub", h.dir+"/hub/ppkeys/"+filepath.Base(work)+".pub", 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := hostkey.ReadPair(work + "/ppkeys")
	if err != nil {
		t.Fatal(err)
	}
	return work, pair.Digest()
}

// begin starts the listener, which then is not yet ready.
func (h *hub) begin() error {
	log, err := os.Create(h.log)
	if err != nil {
		return err
	}
	defer log.Close()
	h.cmd = exec.Command(h.bin+"/cf-messaged", "run", "--config", h.config)
	h.cmd.Stderr = log
	if err := h.cmd.Start(); err != nil {
		return err
	}
	ended, cmd := make(chan error, 1), h.cmd
	h.ended = ended
	go func() { ended <- cmd.Wait() }()
	return nil
}

// start starts it and waits until it is ready; it is killed with the test.
func (h *hub) start(t *testing.T) {
	t.Helper()
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	cmd := h.cmd
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if !awaitText(h.log, "msg=ready") {
		t.Fatal(h.fault("the listener is not ready"))
	}
}

// kill kills it; an error means that it had ended by itself.
func (h *hub) kill() error {
	select {
	case err := <-h.ended:
		return h.fault(fmt.Sprintf("the listener ended by itself: %v", err))
	default:
	}
	_ = h.cmd.Process.Kill()
	<-h.ended
	h.kills.Add(1)
	return nil
}

// stop stops it as a service is stopped.
func (h *hub) stop(t *testing.T) {
	t.Helper()
	_ = h.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-h.ended:
		if err != nil {
			t.Fatal(h.fault(err.Error()))
		}
	case <-time.After(patience):
		t.Fatal(h.fault("the listener does not stop"))
	}
}

func (h *hub) fault(text string) error {
	log, _ := os.ReadFile(h.log)
	return fmt.Errorf("%s:\n%s", text, log)
}

// killAgain kills and restarts the listener, which runs, at random moments
// until ctx ends, and leaves it dead: often before it is ready, and now and
// then it stays away for longer than a promise waits.
func (h *hub) killAgain(ctx context.Context) error {
	for n := 1; ; n++ {
		if !pause(ctx, rand.N(500*time.Millisecond)) {
			return h.kill()
		}
		if err := h.kill(); err != nil {
			return err
		}
		away := rand.N(100 * time.Millisecond)
		if n%10 == 0 {
			away += 1200 * time.Millisecond
		}
		pause(ctx, away)
		if err := h.begin(); err != nil {
			return err
		}
	}
}

// pause waits, and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// known is what cf-messaged hosts says of one sender.
type known struct {
	Sender         string
	Messages, Gaps int
}

// hosts asks for what the hub knows, by the sender.
func (h *hub) hosts() (map[string]known, error) {
	out, err := exec.Command(h.bin+"/cf-messaged", "hosts", "--json", "--state", h.state).Output()
	if err != nil {
		return nil, fmt.Errorf("cf-messaged hosts: %w", err)
	}
	all := map[string]known{}
	for line := range bytes.Lines(out) {
		var k known
		if err := json.Unmarshal(line, &k); err != nil {
			return nil, fmt.Errorf("cf-messaged hosts says %q: %w", line, err)
		}
		all[k.Sender] = k
	}
	return all, nil
}
