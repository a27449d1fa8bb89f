package view

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
)

// listener is a state folder with a queue and the truth that is made of it.
type listener struct {
	testing.TB
	folder string
	queue  *queue.Queue
	truth  *truth.Truth
	n      int
}

func newListener(t testing.TB) *listener {
	t.Helper()
	l := &listener{TB: t, folder: t.TempDir()}
	registry, err := schemas.NewRegistry()
	l.must(err)
	l.queue, err = queue.Open(l.folder, queue.Options{Waiting: 1 << 20, WaitingBytes: 1 << 30})
	l.must(err)
	t.Cleanup(func() { l.must(l.queue.Close()) })
	l.truth, err = truth.Open(l.folder, truth.Options{Schemas: registry})
	l.must(err)
	t.Cleanup(func() { l.must(l.truth.Close()) })
	return l
}

func (l *listener) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// say queues schema-content pairs of a sender, and waits until they are true.
func (l *listener) say(sender string, schemasAndContents ...string) {
	l.Helper()
	var stored sync.WaitGroup
	var last int64
	for i := 0; i < len(schemasAndContents); i += 2 {
		l.n++
		schema, id := schemasAndContents[i], fmt.Sprint("m", l.n)
		stored.Add(1)
		l.must(l.queue.Put(queue.Message{
			Pattern: "request", Peer: "192.0.2.7:1", Sender: sender, Schema: schema, Version: "1.0", MessageID: id,
			IssuedAt: 1_700_000_000 + int64(l.n), Seq: uint64(l.n), ReceivedAt: time.Unix(1_700_000_000+int64(l.n), 0),
			Frame: fmt.Appendf(nil, `{"%s":{"message_id":"%s","content":%s,"version":"1.0"}}`, schema, id, schemasAndContents[i+1]),
		}, func(s queue.Stored) {
			defer stored.Done()
			if s.Err != nil {
				l.Error(s.Err)
			}
			last = max(last, s.Position)
		}))
	}
	stored.Wait()
	l.truth.Wake()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.must(l.truth.WaitFor(ctx, last))
}

// now opens the truth as it is.
func (l *listener) now(ctx context.Context) (*sqlite.Conn, error) {
	return truth.Connect(ctx, l.folder)
}

// runner answers the shipped views, which hold.
func (l *listener) runner(open func(context.Context) (*sqlite.Conn, error)) *Runner {
	set, err := Load("")
	l.must(err)
	conn, err := open(context.Background())
	l.must(err)
	l.must(set.Check(context.Background(), conn))
	l.must(conn.Close())
	r := NewRunner(set, Options{Open: open})
	l.Cleanup(func() { l.must(r.Close()) })
	return r
}

// What nodes and the site say, by the queue, is what a host is told.
func TestTruth(t *testing.T) {
	l := newListener(t)
	h1, hub := string(digest(1)), string(digest(9))
	l.say(hub,
		"domain", `{"domain":"","contact":"site"}`,
		"domain", `{"domain":"a.nl","contact":"domain"}`,
		"role", `{"domain":"","role":"web","packages":["nginx"]}`,
		"role", `{"domain":"a.nl","role":"web","contact":"role"}`,
		"dns", `{"domain":"a.nl","ttl":"300"}`)
	r := l.runner(l.now)
	l.say(h1, "host", `{"uqhost":"web1","domain":"a.nl","role":"web","cpus":"4"}`)
	gives(t, r, "host_context", digest(1), nil, `{"dns":{"domain":"a.nl","ttl":"300"},`+
		`"domain":{"domain":"a.nl","contact":"domain"},"domain_role":{"domain":"a.nl","role":"web","contact":"role"},`+
		`"host":{"uqhost":"web1","domain":"a.nl","role":"web","cpus":"4"},`+
		`"merged":{"contact":"role","cpus":"4","domain":"a.nl","packages":["nginx"],"role":"web","uqhost":"web1"},`+
		`"role":{"domain":"","role":"web","packages":["nginx"]},"site":{"domain":"","contact":"site"}}`)
	if d, err := r.Host(context.Background(), "web1.a.nl"); d != digest(1) || err != nil {
		t.Error(d, err)
	}
	for name, p := range map[string]Parameters{"cmdb": nil, "hostgroups": nil, "zone": {"domain": "a.nl"}} {
		data, err := r.RunFor(context.Background(), name, "", p)
		if err != nil || len(data) < 20 {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
	// Views that the truth makes anew are compiled anew.
	folder := t.TempDir()
	registry, err := schemas.NewRegistry(folder)
	l.must(err)
	l.must(l.truth.SetSchemas(registry))
	l.say(h1, "host", `{"uqhost":"web1"}`)
	gives(t, r, "host_context", digest(1), nil, `{"host":{"uqhost":"web1"},"merged":{"contact":"site","domain":"","uqhost":"web1"},"site":{"domain":"","contact":"site"}}`)
}

// An earlier truth has the same views.
func TestTruthAsOf(t *testing.T) {
	l := newListener(t)
	h1 := string(digest(1))
	l.say(h1, "host", `{"uqhost":"was"}`, "domain", `{"domain":"","contact":"site"}`, "host", `{"uqhost":"is"}`)
	for after, want := range map[int64]string{
		0: `{"merged":{}}`,
		1: `{"host":{"uqhost":"was"},"merged":{"uqhost":"was"}}`,
		3: `{"host":{"uqhost":"is"},"merged":{"contact":"site","domain":"","uqhost":"is"},"site":{"domain":"","contact":"site"}}`,
	} {
		r := l.runner(func(ctx context.Context) (*sqlite.Conn, error) {
			return truth.ConnectAsOf(ctx, l.folder, time.Unix(1_700_000_000+after, 0))
		})
		gives(t, r, "host_context", digest(1), nil, want)
	}
}

// What every host asks for finds its rows by an index.
func TestPlans(t *testing.T) {
	l := newListener(t)
	set, err := Load("")
	l.must(err)
	conn, err := l.now(context.Background())
	l.must(err)
	defer conn.Close()
	v, _ := set.Find("host_context")
	for _, c := range v.Containers {
		rows, err := conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+c.statement.text, make([]any, len(c.statement.parameters))...)
		l.must(err)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			l.must(rows.Scan(&id, &parent, &unused, &detail))
			if strings.HasPrefix(detail, "SCAN") && detail != "SCAN CONSTANT ROW" || strings.Contains(detail, "(schema=?)") {
				t.Errorf("%s: %s", c.Name, detail)
			}
		}
		l.must(rows.Close())
	}
}

func BenchmarkTruth(b *testing.B) {
	l := newListener(b)
	var said []string
	for d := range 400 {
		said = append(said, "domain", fmt.Sprintf(`{"domain":"d%d.nl","contact":"c"}`, d), "dns", fmt.Sprintf(`{"domain":"d%d.nl","ttl":"300"}`, d),
			"timezone", fmt.Sprintf(`{"domain":"d%d.nl","timezone":"UTC"}`, d), "ldap", fmt.Sprintf(`{"domain":"d%d.nl","uris":["ldap://x"],"base":"dc=x"}`, d))
	}
	for r := range 10 {
		said = append(said, "role", fmt.Sprintf(`{"domain":"","role":"r%d"}`, r), "role", fmt.Sprintf(`{"domain":"d1.nl","role":"r%d"}`, r))
	}
	l.say(string(digest(0)), said...)
	for h := range 2000 {
		l.say(string(digest(h)), "host", fmt.Sprintf(`{"uqhost":"h%d","fqhost":"h%d.d%d.nl","domain":"d%d.nl","role":"r%d","os":"linux","arch":"x86_64","cpus":"4","flavor":"debian_12"}`, h, h, h%400, h%400, h%10),
			"network", fmt.Sprintf(`{"ipv4":"192.0.2.%d","interfaces":{"eth0":{}}}`, h%250))
	}
	r := l.runner(l.now)
	for _, name := range []string{"host_context", "cmdb", "hostgroups", "zone"} {
		b.Run(name, func(b *testing.B) {
			var p Parameters
			if name == "zone" {
				p = Parameters{"domain": "d1.nl"}
			}
			for i := 0; b.Loop(); i++ {
				data, err := r.RunFor(context.Background(), name, digest(i%2000), p)
				l.must(err)
				b.SetBytes(int64(len(data)))
			}
		})
	}
	b.Run("host_context_parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := r.Run(context.Background(), "host_context", digest(401), nil); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
