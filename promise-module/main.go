// Command messages is the promise module of CFEngine's messages: promises.
// cf-agent starts it and speaks to it on stdin and stdout; by hand it sends a
// message, looks after the outbox or shows the host's key.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/zmq"
)

// Exit codes (DESIGN.md section 7).
const (
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks what other words on the command line would mend.
var errUsage = errors.New("see messages --help")

func main() {
	// A cancelled context ends a promise that is under way; SIGPIPE would end
	// the process before it has tidied up (facts: an agent that is killed).
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 1 {
		// One speaks with the agent while another signs; what more there are would
		// only look for work, on each promise.
		runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	}
	out := os.Stdout
	os.Stdout = os.Stderr // what a library may print must not reach the agent
	err := run(ctx, os.Args[1:], os.Stdin, out)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "messages:", err)
	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// run does what the arguments say.
func run(ctx context.Context, args []string, in *os.File, out io.Writer) error {
	switch {
	case len(args) == 0 && term.IsTerminal(int(in.Fd())):
		return printText(out, onTerminal)
	case len(args) == 0:
		return serve(ctx, in, out)
	case slices.Contains(args, "--help") || args[0] == "-h" || args[0] == "help":
		return printText(out, usage)
	}
	switch args[0] {
	case "--version":
		return printText(out, versionText()+"\n")
	case "key":
		return showKey(args[1:], out)
	case "outbox":
		return outboxByHand(ctx, args[1:], out)
	case "send":
		return sendByHand(ctx, args[1:], in, out)
	case "view":
		return viewByHand(args[1:], in, out, findWorkDir(os.Getenv(overrideWorkDir), executable()))
	}
	return fmt.Errorf("unknown command %q: %w", args[0], errUsage)
}

func printText(out io.Writer, text string) error {
	_, err := io.WriteString(out, text)
	return err
}

// serve speaks with cf-agent until it is done, or gone.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	m := newMessages()
	server := promise.Server{Name: "messages_promise_module", Version: moduleVersion(), Type: m}
	err := server.Serve(ctx, in, out)
	// Where the run ended as it should, Terminate has closed everything and told
	// what there was to tell. Otherwise the agent was killed, or killed us:
	// nobody is there to be told, and what stands on stderr ends up in cf-execd's
	// mail (facts 5.1, 5.3).
	_ = m.land()
	if ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// newMessages finds this host's folders. Nothing is opened before a promise
// needs it: most runs of an agent have little to say.
func newMessages() *messages {
	self := executable()
	beside := filepath.Dir(self)
	work := findWorkDir(os.Getenv(overrideWorkDir), self)
	return &messages{
		work:         work,
		defaultsFile: filepath.Join(beside, defaultsFile),
		schemas: sync.OnceValues(func() (*schemas.Registry, error) {
			return schemas.NewRegistry(schemas.IfThere(filepath.Join(beside, "schemas"))...)
		}),
		client: zmq.NewClient(zmq.ClientOptions{}),
		now:    time.Now,

		flights:  newFlights(),
		sequence: newSequence(work.state()),
		epochs:   newEpochs(work.state()),
	}
}
