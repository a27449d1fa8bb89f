package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// DefaultTimeout is how long a program of Exec may run for one message.
const DefaultTimeout = time.Minute

// Exec runs a program for each message: an argument list, no shell, in a process
// group of its own and in the folder /. The container comes on stdin; reading it
// is up to the program. Exit code 0 means done, anything else failed.
//
// The environment holds these variables and nothing of the listener's own:
//
//	PATH                 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
//	LANG                 C.UTF-8
//	MESSAGES_SENDER      SHA=… whose key signed; empty when unsigned
//	MESSAGES_SCHEMA      schema id
//	MESSAGES_VERSION     the schema's version
//	MESSAGES_MESSAGE_ID  unique for this sender: a program that keeps it can tell a repetition
//	MESSAGES_PATTERN     how it came
//	MESSAGES_RECEIVED_AT when it came, RFC 3339 in UTC
//
// Sender, schema, version and received_at are proved or the listener's own; the
// message id is the sender's choice of [A-Za-z0-9._:-]{1,128}.
//
// At the time limit, and when the listener must end, the whole group gets SIGTERM
// and, a grace of 3 s later or once the program has ended, SIGKILL. What a program
// leaves behind in the background when it ends by itself lives on; where that
// holds the output open, the rest of the output is lost after the grace. A program
// that becomes another user (sudo) cannot be signalled, and is waited for.
type Exec struct {
	args    []string
	timeout time.Duration
	log     *slog.Logger
	grace   time.Duration
}

// NewExec makes the handler of a program, named by its whole path, and its
// arguments. A timeout of 0 means DefaultTimeout. Output is logged to log, by
// lines: stdout as info, stderr as warn; nil logs nothing.
func NewExec(args []string, timeout time.Duration, log *slog.Logger) (*Exec, error) {
	if len(args) == 0 || !filepath.IsAbs(args[0]) {
		return nil, fmt.Errorf("exec: %q: name a program by its whole path, beginning with /, and then its arguments", args)
	}
	if strings.ContainsRune(strings.Join(args, ""), 0) {
		return nil, fmt.Errorf("exec: %q: an argument cannot hold a NUL", args)
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Exec{args: args, timeout: timeout, log: log, grace: 3 * time.Second}, nil
}

// Name is "exec", the program and its arguments: with other arguments it is
// another handler.
func (e *Exec) Name() string {
	name := "exec"
	for _, arg := range e.args {
		if arg == "" || strings.ContainsAny(arg, " \"\\") || printable(arg) != arg {
			arg = fmt.Sprintf("%q", arg)
		}
		name += " " + arg
	}
	return name
}

// Handle runs the program and waits for its end.
func (e *Exec) Handle(ctx context.Context, m queue.Message) error {
	container, err := message.Payload(m.Frame)
	if err != nil {
		return Permanent(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, fmt.Errorf("it ran longer than %s", e.timeout))
	defer cancel()
	var stdout, stderr output
	cmd := exec.CommandContext(ctx, e.args[0], e.args[1:]...)
	cmd.Env, cmd.Dir = environment(m), "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(container), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd, unix.SIGTERM) }
	cmd.WaitDelay = e.grace
	err = cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		signalGroup(cmd, unix.SIGKILL) // none may be left, that is no error
	}
	log := e.log.With("handler", e.Name(), "message_id", m.MessageID)
	stdout.log(log, slog.LevelInfo, "stdout")
	stderr.log(log, slog.LevelWarn, "stderr")
	return e.outcome(ctx, err, &stderr)
}

// outcome makes the error of a program that ended with err.
func (e *Exec) outcome(ctx context.Context, err error, stderr *output) error {
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // exit code 0, output still held open
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if last := stderr.last(); last != "" {
		return fmt.Errorf("exec: %s: %w: %s", e.args[0], err, last)
	}
	return fmt.Errorf("exec: %s: %w", e.args[0], err)
}

// signalGroup signals the process group that cmd leads.
func signalGroup(cmd *exec.Cmd, signal syscall.Signal) error {
	err := unix.Kill(-cmd.Process.Pid, signal)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func environment(m queue.Message) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"MESSAGES_SENDER=" + m.Sender,
		"MESSAGES_SCHEMA=" + m.Schema,
		"MESSAGES_VERSION=" + m.Version,
		"MESSAGES_MESSAGE_ID=" + m.MessageID,
		"MESSAGES_PATTERN=" + m.Pattern,
		"MESSAGES_RECEIVED_AT=" + m.ReceivedAt.UTC().Format(time.RFC3339Nano),
	}
}

// Reopen does nothing: each message has a program of its own.
func (e *Exec) Reopen() error { return nil }

// Close does nothing.
func (e *Exec) Close() error { return nil }
