package handler

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// container is a bare frame of schema host, whose container is the frame.
func container(id string) string {
	return fmt.Sprintf(`{"host":{"message_id":"%s","content":{"uqhost":"h"},"version":"1.0"}}`, id)
}

func stored(id string) queue.Message {
	return queue.Message{
		ReceivedAt: time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC),
		Pattern:    "request", Sender: "SHA=ab", Peer: "127.0.0.1", Schema: "host", Version: "1.0",
		MessageID: id, Frame: []byte(container(id)),
	}
}

func mustOpen(tb testing.TB, state string) *queue.Queue {
	tb.Helper()
	q, err := queue.Open(state, queue.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { q.Close() })
	return q
}

func mustRead(tb testing.TB, state string) *queue.Reader {
	tb.Helper()
	r, err := queue.OpenReader(state)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// put stores messages and returns the position of the last one.
func put(tb testing.TB, q *queue.Queue, messages ...queue.Message) int64 {
	tb.Helper()
	var position int64
	for _, m := range messages {
		answer := make(chan queue.Stored, 1)
		if err := q.Put(m, func(s queue.Stored) { answer <- s }); err != nil {
			tb.Fatal(err)
		}
		s := <-answer
		if s.Err != nil || s.Duplicate {
			tb.Fatalf("put %s: %+v", m.MessageID, s)
		}
		position = s.Position
	}
	return position
}

func putIDs(tb testing.TB, q *queue.Queue, ids ...string) int64 {
	tb.Helper()
	var position int64
	for _, id := range ids {
		position = put(tb, q, stored(id))
	}
	return position
}

// options are those of a Runner of q, whose state folder is given, for schema host.
func options(tb testing.TB, q *queue.Queue, state string) Options {
	return Options{State: state, Reader: mustRead(tb, state), Schema: "host", Bury: BuryIn(q)}
}

func mustStart(tb testing.TB, h Handler, o Options) *Runner {
	tb.Helper()
	r, err := Start(h, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func mustClose(tb testing.TB, r *Runner) {
	tb.Helper()
	if err := r.Close(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// until waits until the Runner's status is as wanted.
func until(tb testing.TB, r *Runner, what string, wanted func(Status) bool) Status {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		s := r.Status()
		if wanted(s) {
			return s
		}
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain for %s: %+v", what, s)
		}
		time.Sleep(time.Millisecond)
	}
}

func untilPosition(tb testing.TB, r *Runner, position int64) {
	tb.Helper()
	until(tb, r, fmt.Sprint("position ", position), func(s Status) bool { return s.Position >= position })
}

func lines(tb testing.TB, paths ...string) []string {
	tb.Helper()
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
	}
	return all
}

// recorder is a Handler that notes ids, and does what its functions say.
type recorder struct {
	handle func(ctx context.Context, m queue.Message) error // nil: success

	mu       sync.Mutex
	seen     []string
	reopened int
}

func (h *recorder) Name() string { return "recorder" }

func (h *recorder) Handle(ctx context.Context, m queue.Message) error {
	h.mu.Lock()
	h.seen = append(h.seen, m.MessageID)
	h.mu.Unlock()
	if h.handle == nil {
		return nil
	}
	return h.handle(ctx, m)
}

func (h *recorder) Reopen() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reopened++
	return nil
}

func (h *recorder) Close() error { return nil }

func (h *recorder) ids() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.seen, " ")
}

// batches makes a recorder a Batcher.
type batches struct {
	*recorder
	flush func() error
}

func (b batches) Flush() error { return b.flush() }

// logged is a log that a test may read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, nil))
}
