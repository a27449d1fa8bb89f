package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/test/ports"
	"github.com/webhuis/cfengine-messages/zmq"
)

// kills is how often the listener is killed; SOAK asks for more.
func kills() int {
	if os.Getenv("SOAK") != "" {
		return 500
	}
	return 50
}

// senders is how many messages are under way at any moment.
const senders = 16

// TestKilledUnderLoad kills a listener with SIGKILL again and again while
// nodes send, and counts: every message whose receipt came is stored, and
// none is stored twice, although each node sends again what was not answered.
func TestKilledUnderLoad(t *testing.T) {
	l, load := newKillable(t)
	for range kills() {
		l.start(t)
		time.Sleep(rand.N(150 * time.Millisecond))
		l.kill(t)
	}
	l.start(t)
	load.stop()
	l.kill(t)
	count(t, l.state, load.acknowledged)
	t.Logf("%d kills, %d messages acknowledged", kills(), len(load.acknowledged))
}

// TestStoppedUnderLoad stops a listener with SIGTERM: what it received, it
// answers. Then no node ever hears that its message was there before, because
// none has to send again what was stored.
func TestStoppedUnderLoad(t *testing.T) {
	l, load := newKillable(t)
	for range 10 {
		l.start(t)
		time.Sleep(rand.N(150 * time.Millisecond))
		if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(l.cmd); err != nil {
			text, _ := os.ReadFile(l.log)
			t.Fatalf("stopped by SIGTERM: %v\n%s", err, text)
		}
	}
	l.start(t)
	load.stop()
	l.kill(t)
	count(t, l.state, load.acknowledged)
	if load.duplicates > 0 {
		t.Errorf("%d messages were stored and not answered", load.duplicates)
	}
}

// newKillable makes a node, a listener to be started on it, and the load.
func newKillable(t *testing.T) (*killable, *load) {
	t.Helper()
	bin, dir := needPrograms(t), t.TempDir()
	node := filepath.Join(dir, "node")
	if err := makeNode(node, bin); err != nil {
		t.Fatal(err)
	}
	port := ports.Free(t)
	l := &killable{bin: bin, state: filepath.Join(dir, "state"), keys: filepath.Join(node, "ppkeys"),
		endpoint: "tcp://127.0.0.1:" + port, log: filepath.Join(dir, "listener.log")}
	return l, startLoad(t, l.keys, l.endpoint, hello)
}

// killable is a listener that is started and killed.
type killable struct {
	bin, state, keys, endpoint, log string
	cmd                             *exec.Cmd
}

func (l *killable) start(t *testing.T) {
	t.Helper()
	log, err := os.Create(l.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l.cmd = exec.Command(filepath.Join(l.bin, "cf-messaged"), "run", "--state", l.state, "--keys", l.keys, "--bind", l.endpoint)
	l.cmd.Stderr = log
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !awaitText(l.log, "msg=ready") {
		text, _ := os.ReadFile(l.log)
		_ = l.cmd.Process.Kill()
		t.Fatalf("the listener is not ready:\n%s", text)
	}
}

func (l *killable) kill(t *testing.T) {
	t.Helper()
	if err := l.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = waitFor(l.cmd)
}

// load is a crowd of senders, each with one message under way.
type load struct {
	client   *zmq.Client
	endpoint string
	pair     *hostkey.Pair
	opener   *message.Opener
	end      context.CancelFunc
	running  sync.WaitGroup

	next   func() words
	enough atomic.Bool // begin nothing more

	mu           sync.Mutex
	acknowledged map[string]bool
	duplicates   int // answers that say it was stored before
}

// words are what one message says.
type words struct {
	schema, content string
	seq             uint64
}

// hello is said again and again.
func hello() words { return words{"host", `{"uqhost":"x2gvdt0001"}`, 1} }

func startLoad(t *testing.T, keys, endpoint string, next func() words) *load {
	t.Helper()
	pair, err := hostkey.ReadPair(keys)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(context.Background(), time.Hour)
	l := &load{client: zmq.NewClient(zmq.ClientOptions{}), endpoint: endpoint, pair: pair, end: end, next: next, acknowledged: map[string]bool{}}
	l.opener = &message.Opener{Keys: func(d hostkey.Digest) (*hostkey.PublicKey, bool) { return pair.Public(), d == pair.Digest() }}
	for range senders {
		l.running.Go(func() {
			for ctx.Err() == nil && !l.enough.Load() {
				if err := l.deliver(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return l
}

// stop ends the senders; what is acknowledged then stays so.
func (l *load) stop() {
	l.end()
	l.running.Wait()
	l.client.Close()
}

// finish ends the senders once all that they began is acknowledged.
func (l *load) finish() {
	l.enough.Store(true)
	l.running.Wait()
	l.stop()
}

// deliver sends one message, again and again until its receipt comes.
func (l *load) deliver(ctx context.Context) error {
	id, says := message.NewID(), l.next()
	container, err := message.Container{Schema: says.schema, MessageID: id, Version: "1.0", Content: []byte(says.content)}.Encode()
	if err != nil {
		return err
	}
	now := time.Now()
	frame, err := message.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix(), Seq: says.seq}, l.pair)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, patience) // a listener that ends says so at once
		answer, err := l.client.Request(attempt, l.endpoint, frame)
		cancel()
		if err == nil {
			return l.note(id, answer)
		}
		time.Sleep(rand.N(20 * time.Millisecond))
	}
	return nil
}

// note takes a receipt for what it says, and for nothing else.
func (l *load) note(id string, answer []byte) error {
	opened, err := l.opener.OpenListener(answer)
	if err != nil {
		return fmt.Errorf("receipt of %s: %w", id, err)
	}
	receipt, err := message.ParseReceipt(opened.Container)
	if err != nil {
		return err
	}
	if opened.Container.MessageID != id || receipt.Status == message.Refused {
		return fmt.Errorf("message %s was answered %s: %+v", id, opened.Container.MessageID, receipt)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[id] = true
	if receipt.Status == message.Duplicate {
		l.duplicates++
	}
	return nil
}

// count holds what was acknowledged against what is stored.
func count(t *testing.T, state string, acknowledged map[string]bool) {
	t.Helper()
	r, err := queue.OpenReader(state)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stored := map[string]int{}
	for after := int64(0); ; {
		page, err := r.Messages(t.Context(), queue.Filter{After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			stored[m.MessageID]++
			after = m.Position
		}
	}
	lost, twice := 0, 0
	for id := range acknowledged {
		if stored[id] == 0 {
			lost++
		}
	}
	for _, n := range stored {
		if n > 1 {
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		t.Errorf("of %d acknowledged and %d stored messages, %d are lost and %d are stored more than once", len(acknowledged), len(stored), lost, twice)
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d messages were acknowledged: the load was none", len(acknowledged))
	}
}
