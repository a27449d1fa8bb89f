package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/queue"
)

// What came encrypted goes on to programs on this host, and leaves it for none.
func TestEncryptedDoesNotLeaveInTheClear(t *testing.T) {
	trust, err := hostkey.OpenTrust(t.TempDir())
	must(t, err)
	defer trust.Close()
	inside := "ipc://" + filepath.Join(t.TempDir(), "w")
	for name, c := range map[string]struct {
		forward Forward
		leaves  bool
	}{
		"ipc":                {Forward{Pattern: patternPublish, Bind: Endpoints{inside}}, false},
		"loopback":           {Forward{Pattern: patternPush, To: Endpoints{"tcp://127.0.0.1:9", "tcp://[::1]:9"}}, false},
		"localhost":          {Forward{Pattern: patternPush, To: Endpoints{"tcp://localhost:9"}}, false},
		"a network":          {Forward{Pattern: patternPush, To: Endpoints{"tcp://192.0.2.1:9"}}, true},
		"loopback and other": {Forward{Pattern: patternRequest, To: Endpoints{"tcp://127.0.0.1:9", "tcp://hub.example.com:9"}}, true},
		"bound to all":       {Forward{Pattern: patternPush, Bind: Endpoints{"tcp://*:9"}}, true},
	} {
		if local := c.forward.local(); local == c.leaves {
			t.Errorf("%s: local is %v", name, local)
		}
	}
	r := newRelay(nil, trust, 1<<20, curvePair{}, nil)
	defer r.close()
	h, err := r.forward(Forward{Pattern: patternPush, To: Endpoints{"tcp://192.0.2.1:9"}})
	must(t, err)
	err = h.Handle(t.Context(), queue.Message{MessageID: "m", Schema: "host", Frame: []byte("a.b.c"), Encrypted: true})
	if err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("forwarded: %v", err)
	}
	h, err = r.forward(Forward{Pattern: patternPublish, Bind: Endpoints{inside}})
	must(t, err)
	if err := h.Handle(t.Context(), queue.Message{MessageID: "m", Schema: "host", Frame: []byte("a.b.c"), Encrypted: true}); err != nil {
		t.Errorf("not forwarded within the host: %v", err)
	}
}

// The receipt of another host counts for nothing where the next listener is named,
// though that host is trusted and the message is stored there.
func TestForwardToNamedListenerAlone(t *testing.T) {
	next := newSite(t, loopback...).listen()
	trust, err := hostkey.OpenTrust(next.keys)
	must(t, err)
	defer trust.Close()
	r := newRelay(nil, trust, 1<<20, curvePair{}, nil)
	defer r.close()
	for name, c := range map[string]struct{ key, says string }{
		"nobody":      {"", ""},
		"its digest":  {string(next.pair.Digest()), ""},
		"its file":    {filepath.Join(next.keys, "localhost.pub"), ""},
		"another one": {"SHA=" + strings.Repeat("0", 64), "key names SHA=0000"},
	} {
		f := Forward{Pattern: patternRequest, To: Endpoints{next.endpoint}, Key: c.key}
		must(t, f.check())
		h, err := r.forward(f)
		must(t, err)
		id := strings.ReplaceAll(name, " ", "-")
		err = h.Handle(t.Context(), queue.Message{MessageID: id, Schema: "host", Frame: next.seal(id, `{"uqhost":"www1"}`)})
		if c.says == "" {
			must(t, err)
			continue
		}
		wantError(t, err, c.says)
	}
	wantError(t, Forward{Pattern: patternPush, To: Endpoints{next.endpoint}, Key: "SHA=00"}.check(), "goes with request")
	wantError(t, Forward{Pattern: patternRequest, To: Endpoints{next.endpoint}, Key: "MD5=00"}.check(), ".forward.key")
}
