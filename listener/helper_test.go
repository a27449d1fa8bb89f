package listener_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// patience bounds whatever a test waits for.
const patience = time.Minute

// noon is the time at which these tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// hosts have their keys made once: the hub that listens, two nodes that it
// trusts, and a stranger.
var hosts = sync.OnceValue(func() (h struct{ hub, node, other, stranger *hostkey.Pair }) {
	var making sync.WaitGroup
	for _, pair := range []**hostkey.Pair{&h.hub, &h.node, &h.other, &h.stranger} {
		making.Go(func() { *pair = newPair() })
	}
	making.Wait()
	return h
})

func newPair() *hostkey.Pair {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	pair, err := hostkey.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}))
	if err != nil {
		panic(err)
	}
	return pair
}

// stage is a listener with all that is real about it, and a clock to be set.
type stage struct {
	*listener.Listener
	t     testing.TB
	state string // the queue's folder
	keys  string // the trusted keys' folder
	queue *queue.Queue
	log   *logged
	clock *clock
}

// open makes a listener whose feed host takes what trusted hosts send; change
// may have it otherwise.
func open(t testing.TB, queueOptions queue.Options, change func(*listener.Options)) *stage {
	t.Helper()
	s := &stage{t: t, state: t.TempDir(), keys: t.TempDir(), log: new(logged), clock: &clock{now: noon}}
	for name, pair := range map[string]*hostkey.Pair{"localhost": hosts().hub, "node": hosts().node, "other": hosts().other} {
		must(t, os.WriteFile(filepath.Join(s.keys, name+".pub"), pair.Public().PEM(), 0o600))
	}
	trust, err := hostkey.OpenTrust(s.keys)
	must(t, err)
	t.Cleanup(func() { trust.Close() })
	queueOptions.Now = s.clock.Now
	s.queue, err = queue.Open(s.state, queueOptions)
	must(t, err)
	t.Cleanup(func() { must(t, s.queue.Close()) })
	o := listener.Options{
		Pair: hosts().hub, Trust: trust, Queue: s.queue, Rules: rules(t, map[string]listener.Feed{"host": {Trusted: true}}),
		Room: 2000, Now: s.clock.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	s.Listener, err = listener.New(o)
	must(t, err)
	return s
}

// start is open, closed again by the end of the test.
func start(t testing.TB, change func(*listener.Options)) *stage {
	t.Helper()
	s := open(t, queue.Options{}, change)
	t.Cleanup(s.close)
	return s
}

func (s *stage) close() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(s.t, s.Close(ctx))
}

func rules(t testing.TB, feeds map[string]listener.Feed) listener.Rules {
	t.Helper()
	registry, err := schemas.NewRegistry()
	must(t, err)
	return listener.Rules{Feeds: feeds, Schemas: registry}
}

// submit hands a frame over; what is answered comes through the channel.
func (s *stage) submit(frame []byte) <-chan []byte {
	answers := make(chan []byte, 2) // a second answer would be a fault, and is to be seen
	s.Submit(listener.Incoming{Pattern: "request", Peer: "192.0.2.7", Frame: frame, Answer: func(b []byte) { answers <- b }})
	return answers
}

// ask submits a frame and gives its receipt.
func (s *stage) ask(frame []byte) answer {
	s.t.Helper()
	return s.wait(s.submit(frame))
}

// answer is a receipt that was proved to be the hub's.
type answer struct {
	message.Receipt
	ID   string
	Cert string
}

func (s *stage) wait(answers <-chan []byte) answer {
	s.t.Helper()
	select {
	case sealed := <-answers:
		return s.read(sealed)
	case <-time.After(patience):
		s.t.Fatal("no answer")
		return answer{}
	}
}

func (s *stage) read(sealed []byte) answer {
	s.t.Helper()
	hub := hosts().hub.Public()
	o := message.Opener{Now: s.clock.Now, Keys: func(d hostkey.Digest) (*hostkey.PublicKey, bool) { return hub, d == hub.Digest() }}
	opened, err := o.OpenListener(sealed)
	if err != nil {
		s.t.Fatalf("the receipt does not hold: %v", err)
	}
	receipt, err := message.ParseReceipt(opened.Container)
	must(s.t, err)
	return answer{receipt, opened.Container.MessageID, opened.Header.Cert}
}

// stored are all messages of the queue.
func (s *stage) stored() []queue.Message {
	s.t.Helper()
	r, err := queue.OpenReader(s.state)
	must(s.t, err)
	defer r.Close()
	messages, err := r.Messages(s.t.Context(), queue.Filter{})
	must(s.t, err)
	return messages
}

// dead are all dead letters, with their frames.
func (s *stage) dead() []queue.DeadLetter {
	s.t.Helper()
	r, err := queue.OpenReader(s.state)
	must(s.t, err)
	defer r.Close()
	letters, err := r.DeadLetters(s.t.Context(), queue.DeadFilter{})
	must(s.t, err)
	for i := range letters {
		letters[i], err = r.DeadLetter(s.t.Context(), letters[i].ID)
		must(s.t, err)
	}
	return letters
}

// hold stops the committer until the function it returns is called. Nothing
// that is put meanwhile is committed. One message is, that nobody sent.
func (s *stage) hold() (release func()) {
	s.t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	must(s.t, s.queue.Put(queue.Message{MessageID: "hold", Frame: []byte("hold")}, func(queue.Stored) {
		close(held)
		<-end
	}))
	<-held
	return sync.OnceFunc(func() { close(end) })
}

// Frames.

func container(schema, id, version, content string) []byte {
	return fmt.Appendf(nil, `{"%s":{"message_id":"%s","content":%s,"version":"%s"}}`, schema, id, content, version)
}

func host(id string) []byte { return container("host", id, "1.0", `{"uqhost":"www1"}`) }

// claims are a header's, of an envelope that is right at noon.
type claims struct {
	alg, aud string
	exp      time.Duration // 1 h
}

// envelope is made by hand, so that it may be wrong.
func envelope(by *hostkey.Pair, c claims, payload []byte) []byte {
	if c.alg == "" {
		c.alg = "PS256"
	}
	if c.exp == 0 {
		c.exp = time.Hour
	}
	if c.aud != "" {
		c.aud = fmt.Sprintf(`,"aud":"%s"`, c.aud)
	}
	iat := noon.Add(-time.Hour).Unix()
	header := fmt.Appendf(nil, `{"alg":"%s","typ":"cf-message","kid":"%s","iat":%d,"exp":%d,"seq":7%s}`,
		c.alg, by.Digest(), iat, iat+int64((c.exp+time.Hour)/time.Second), c.aud)
	text := base64.RawURLEncoding
	signed := []byte(text.EncodeToString(header) + "." + text.EncodeToString(payload))
	signature, err := by.SignPS256(signed)
	if err != nil {
		panic(err)
	}
	return text.AppendEncode(append(signed, '.'), signature)
}

func fromNode(payload []byte) []byte { return envelope(hosts().node, claims{}, payload) }

// forged changes the payload of an envelope and leaves its signature.
func forged(frame []byte) []byte {
	parts := bytes.Split(frame, []byte("."))
	parts[1] = []byte(base64.RawURLEncoding.EncodeToString(host("forged")))
	return bytes.Join(parts, []byte("."))
}

// Small things.

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logged is what a listener logs, in lines.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

func (l *logged) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *logged) has(t testing.TB, words ...string) {
	t.Helper()
	for _, line := range l.lines() {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return
		}
	}
	t.Errorf("no line of the log has all of %q:\n%s", words, strings.Join(l.lines(), "\n"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
