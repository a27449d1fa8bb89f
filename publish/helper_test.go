package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

// patience bounds whatever a test waits for.
const patience = time.Minute

// hosts have their keys made once: the hub, and nodes that it trusts.
var hosts = sync.OnceValue(func() (h struct{ hub, a, b, stranger *hostkey.Pair }) {
	var making sync.WaitGroup
	for _, pair := range []**hostkey.Pair{&h.hub, &h.a, &h.b, &h.stranger} {
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

// site is a hub's state, with views of its own, and a Publisher of them.
type site struct {
	testing.TB
	*Publisher
	state, views string
	queue        *queue.Queue
	truth        *truth.Truth
	log          bytes.Buffer // read after Close
	n            int
	clock        struct {
		sync.Mutex
		now time.Time
	}
	sent   chan sent
	change func(*Options)
}

// sent is a publication as it left.
type sent struct {
	topic string
	frame []byte
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{TB: t, state: t.TempDir(), views: t.TempDir(), sent: make(chan sent, 100_000)}
	s.clock.now = time.Now()
	registry, err := schemas.NewRegistry()
	s.must(err)
	s.queue, err = queue.Open(s.state, queue.Options{Waiting: 1 << 20, WaitingBytes: 1 << 30})
	s.must(err)
	t.Cleanup(func() { s.must(s.queue.Close()) })
	s.truth, err = truth.Open(s.state, truth.Options{Schemas: registry, Changed: s.changed})
	s.must(err)
	t.Cleanup(func() { s.must(s.truth.Close()) })
	s.start()
	return s
}

// changed is what a program makes of the truth's word.
func (s *site) changed(changes []truth.Change) {
	for _, c := range changes {
		var host hostkey.Digest
		if c.Sender {
			host = hostkey.Digest(c.Entity)
		}
		s.Changed(c.Schema, host)
	}
}

// start starts a Publisher; the end of the test closes it.
func (s *site) start() {
	s.Helper()
	session, err := message.NewSessionKey(hosts().hub, time.Now(), 48*time.Hour)
	s.must(err)
	o := Options{
		Views: s.load(), Open: func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, s.state) },
		State: s.state, Limits: message.DefaultLimits, Keys: trusted, Generation: func() uint64 { return 1 }, Now: s.now, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Seal: func(c message.Container, aud hostkey.Digest) ([]byte, error) {
			b, err := c.Encode()
			s.must(err)
			return session.Seal(b, message.Header{Iat: time.Now().Unix(), Exp: time.Now().Unix() + 60, Aud: string(aud)})
		},
	}
	if s.change != nil {
		s.change(&o)
	}
	p, err := New(o)
	s.must(err)
	s.Publisher = p
	p.Start(func(_ context.Context, topic string, payload []byte) error {
		s.sent <- sent{topic, payload}
		return nil
	})
	s.Cleanup(func() { p.Close() })
}

func trusted(d hostkey.Digest) (*hostkey.PublicKey, bool) {
	for _, pair := range []*hostkey.Pair{hosts().hub, hosts().a, hosts().b} {
		if pair.Digest() == d {
			return pair.Public(), true
		}
	}
	return nil, false
}

// load reads the views as they are now.
func (s *site) load() *view.Set {
	s.Helper()
	set, err := view.Load(s.views)
	s.must(err)
	return set
}

func (s *site) writeView(name, text string) {
	s.Helper()
	s.must(os.WriteFile(filepath.Join(s.views, name+".yaml"), []byte(text), 0o600))
}

func (s *site) now() time.Time {
	s.clock.Lock()
	defer s.clock.Unlock()
	return s.clock.now
}

// later lets the time pass after which subscribers are new ones.
func (s *site) later() {
	s.clock.Lock()
	defer s.clock.Unlock()
	s.clock.now = s.clock.now.Add(returning + time.Second)
}

// say has a message of a host applied.
func (s *site) say(by *hostkey.Pair, schema, content string) {
	s.Helper()
	s.n++
	id := fmt.Sprint("m", s.n)
	position := make(chan int64, 1)
	s.must(s.queue.Put(queue.Message{
		Pattern: "request", Peer: "192.0.2.7", Sender: string(by.Digest()), Schema: schema, Version: "1.0", MessageID: id,
		IssuedAt: 1_700_000_000 + int64(s.n), Seq: uint64(s.n), ReceivedAt: time.Unix(1_700_000_000+int64(s.n), 0),
		Frame: fmt.Appendf(nil, `{"%s":{"message_id":"%s","content":%s,"version":"1.0"}}`, schema, id, content),
	}, func(is queue.Stored) { position <- is.Position }))
	stored := <-position
	s.truth.Wake()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(s.truth.WaitFor(ctx, stored))
}

// subscribe is what a host does.
func (s *site) subscribe(name string, hosts ...*hostkey.Pair) {
	for _, host := range hosts {
		s.Subscribed(name+"."+string(host.Digest()), true)
	}
}

// hears expects the next publication to be for a host, who can open it, and to hold
// these words.
func (s *site) hears(host *hostkey.Pair, words ...string) message.Publication {
	s.Helper()
	one := s.next()
	opened, err := s.open(one, host)
	if err != nil {
		s.Fatalf("%s: %v", one.topic, err)
	}
	p, err := message.ParsePublication(opened.Container)
	s.must(err)
	if p.Topic() != one.topic || p.For != host.Digest() || !opened.Encrypted || opened.Sender != hosts().hub.Digest() {
		s.Errorf("topic %s, %+v, opened %+v", one.topic, p, opened)
	}
	for _, w := range words {
		if !strings.Contains(string(p.Data), w) {
			s.Errorf("%s has no %q", p.Data, w)
		}
	}
	return p
}

// next waits for a publication.
func (s *site) next() sent {
	s.Helper()
	select {
	case one := <-s.sent:
		return one
	case <-time.After(patience):
		s.Fatal("nothing is published")
		return sent{}
	}
}

func (s *site) open(one sent, by *hostkey.Pair) (message.Opened, error) {
	o := message.Opener{Keys: trusted, Self: by.Digest(), Pair: by}
	return o.OpenListener(one.frame)
}

// quiet expects that nothing is published once all that was to do is done.
func (s *site) quiet() {
	s.Helper()
	for deadline := time.Now().Add(patience); !s.done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("still at it")
		}
	}
	select {
	case one := <-s.sent:
		s.Errorf("published: %s", one.topic)
	default:
	}
}

func (s *site) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
