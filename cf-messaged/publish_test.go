package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

func TestTopics(t *testing.T) {
	self := hostkey.Digest("SHA=" + strings.Repeat("0", 64))
	s := Socket{Subscribe: []string{"host", "host_context.self", "a.selfish", "self", "b.self.c"}}
	want := []string{"host", "host_context." + string(self), "a.selfish", "self", "b.self.c"}
	if got := s.topics(self); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (Socket{}).topics(self); got != nil { // all
		t.Errorf("%q", got)
	}
}

// A listener publishes what the truth makes of a view, at the endpoint that ready
// names; after a reload other views too, as far as they hold.
func TestPublish(t *testing.T) {
	views := t.TempDir()
	s := newSite(t, append(loopback, "publish: tcp://127.0.0.1:0", "views: "+views)...)
	r := s.listen()
	var ready struct{ Endpoints []string }
	must(t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	heard := make(chan string, 10)
	socket, err := zmq.Listen(zmq.ServerOptions{
		Pattern: patternPublish, Connects: ready.Endpoints[1:],
		Topics: Socket{Subscribe: []string{"host_context.self", "mine.self"}}.topics(s.pair.Digest()),
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- socket.Serve(ctx, func(q zmq.Request) {
			o := message.Opener{Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return s.pair.Public(), true }, Self: s.pair.Digest(), Pair: s.pair}
			opened, err := o.OpenListener(q.Payload)
			heard <- fmt.Sprint(q.Topic, " ", string(opened.Container.Content), err)
			q.Drop()
		})
	}()
	defer func() {
		cancel()
		must(t, <-ended)
	}()
	hears := func(words ...string) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case text := <-heard:
				if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
					return
				}
			case <-deadline:
				t.Fatalf("heard nothing of %q", words)
			}
		}
	}
	r.send("m-1", `{"uqhost":"www1"}`)
	hears("host_context."+string(s.pair.Digest()), `"uqhost":"www1"`)
	reload := func(table string) {
		t.Helper()
		text := "for: sender\npublish_on: [host]\ncontainers: {me: {sql: \"SELECT uqhost FROM " + table + " WHERE entity = :sender\"}}\n"
		must(t, os.WriteFile(filepath.Join(views, "mine.yaml"), []byte(text), 0o600))
		must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	}
	reload("host")
	hears("mine."+string(s.pair.Digest()), `"data":{"me":[{"uqhost":"www1"}]}`)
	reload("nosuch")
	r.log.await(t, "stay as they were")
	r.send("m-2", `{"uqhost":"www2"}`)
	hears("mine."+string(s.pair.Digest()), `"data":{"me":[{"uqhost":"www2"}]}`)
}

// The port of the views may be taken, as any.
func TestCannotPublish(t *testing.T) {
	s := newSite(t, append(loopback, "publish: tcp://127.0.0.1:0")...)
	r := s.listen()
	var ready struct{ Endpoints []string }
	must(t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	other := newSite(t, append(loopback, "publish: "+ready.Endpoints[1])...)
	_, err := other.cli("run")
	wantError(t, err, ready.Endpoints[1], "another program listens there")
}

func TestCheckPublished(t *testing.T) {
	views := t.TempDir()
	s := newSite(t, append(loopback, "publish: tcp://127.0.0.1:5313", "views: "+views)...)
	must(t, os.WriteFile(filepath.Join(views, "zone.yaml"), []byte("for: trusted\n"), 0o600))
	for _, words := range []string{"bind tcp://127.0.0.1:5313", "views published: host_context", "view zone: not published, because it has parameters"} {
		if out := s.mustCLI("check"); !strings.Contains(out, words) {
			t.Errorf("not %q:\n%s", words, out)
		}
	}
}
