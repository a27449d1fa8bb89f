package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// A message goes the whole way, and its listener ends in order.
func TestRun(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Status != message.Duplicate {
		t.Errorf("%+v", got)
	}
	if got := r.send("m-2", `{"uqhost":7}`); got.Code != message.InvalidContent {
		t.Errorf("%+v", got)
	}
	if out := s.mustCLI("tail"); ids(t, out) != "m-1" {
		t.Error(out)
	}
	r.stop()
	must(t, r.wait())
	for _, words := range []string{`"stopping`, `"bye","stored":1,"duplicate":1`, `"invalid_content":1`} {
		if r.log.line(words) == "" {
			t.Errorf("the log does not say %s:\n%s", words, r.log)
		}
	}
}

// What is over the limit is told so, as far as twice the limit, also where the
// limit is small beside what signature and header add.
func TestLimitIsAnswered(t *testing.T) {
	for _, limit := range []int{1 << 10, 1 << 20} {
		s := newSite(t, append([]string{fmt.Sprintf("limits: {message: %d}", limit)}, loopback...)...)
		r := s.listen()
		within := limit - len(hostContainer("m-1", `{"uqhost":"www1","site":{"x":""}}`))
		for _, c := range []struct {
			size int
			want message.Code
		}{{within, ""}, {within + 1, message.TooLarge}, {limit + limit/3, message.TooLarge}} {
			got := r.send("m-1", fmt.Sprintf(`{"uqhost":"www1","site":{"x":"%s"}}`, strings.Repeat("x", c.size)))
			if got.Code != c.want {
				t.Errorf("limit %d, %d more: %+v", limit, c.size, got)
			}
		}
	}
}

// open failing half-way closes what it opened: the second socket's address is
// taken, and afterwards the state and the first socket's address are free.
func TestSecondSocketCannotBind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	first := free.Addr().String()
	must(t, free.Close())
	s := newSite(t, "listeners:", "  - {pattern: request, bind: [tcp://"+first+"]}", "  - {pattern: request, bind: [tcp://"+taken.Addr().String()+"]}", loopback[2], loopback[3])
	log := new(logged)
	err = run(t.Context(), flags{config: s.config}, slog.New(slog.NewJSONHandler(log, nil)))
	wantError(t, err, taken.Addr().String(), "another program listens there", "choose another endpoint")
	if isUsage(err) {
		t.Error("a usage error")
	}
	if log.line("ready") != "" || log.line("bye") != "" {
		t.Errorf("the log says\n%s", log)
	}
	q, err := queue.Open(s.state, queue.Options{})
	must(t, err)
	must(t, q.Close())
	again, err := net.Listen("tcp", first)
	must(t, err)
	must(t, again.Close())
}

func TestTwoListenersOnOneState(t *testing.T) {
	s := newSite(t, loopback...)
	s.listen()
	err := run(t.Context(), flags{config: s.config}, slog.New(slog.DiscardHandler))
	wantError(t, err, s.state, "in use by another listener", fmt.Sprint("pid ", os.Getpid()), "state folder of its own")
}

// What keeps a listener from starting is said with its way out.
func TestCannotStart(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *site)
		says  []string
		usage bool
	}{
		"no key":       {func(t *testing.T, s *site) { must(t, os.Remove(s.keys+"/localhost.priv")) }, []string{"localhost.priv", "cf-key"}, false},
		"no keys":      {func(t *testing.T, s *site) { must(t, os.RemoveAll(s.keys)) }, []string{"ppkeys", "cf-key"}, false},
		"no schema":    {func(t *testing.T, s *site) { s.write(append(loopback, "  nosuch: {from: trusted}")...) }, []string{"feeds.nosuch", "there are"}, true},
		"no schemas":   {func(t *testing.T, s *site) { s.write(append(loopback, "schemas: /nonexistent")...) }, []string{"/nonexistent"}, true},
		"bad setting":  {func(t *testing.T, s *site) { s.write("feedz: {}") }, []string{"feedz"}, true},
		"not a queue":  {func(t *testing.T, s *site) { s.put(s.state+"/queue.db", strings.Repeat("no database ", 1000)) }, []string{"queue.db"}, false},
		"not a folder": {func(t *testing.T, s *site) { s.put(s.state, "") }, []string{"not a directory"}, false},
		"not our address": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://192.0.2.1:5309']}]", loopback[2], loopback[3])
		}, []string{"tcp://192.0.2.1:5309", "this host does not have that address"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, loopback...)
			c.spoil(t, s)
			err := run(t.Context(), flags{config: s.config}, slog.New(slog.DiscardHandler))
			wantError(t, err, c.says...)
			if isUsage(err) != c.usage {
				t.Errorf("usage error %v: %v", !c.usage, err)
			}
		})
	}
}

// Reload takes over feeds; what needs another start is named; what does not
// hold changes nothing.
func TestReload(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	reload := func(says string) string {
		t.Helper()
		must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		r.log.await(t, says)
		return r.log.line(says)
	}
	s.write(loopback[0], loopback[1], loopback[2], "  host: {from: []}", "limits: {depth: 9}")
	s.put(s.keys+"/x.pub", "nonsense")
	reload(`"reloaded"`)
	if line := r.log.line("restart"); !strings.Contains(line, `["limits"]`) || !strings.Contains(line, "WARN") {
		t.Errorf("the log says %q of limits", line)
	}
	if r.log.line("x.pub") == "" {
		t.Error("the log does not name the key that is none")
	}
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Code != message.Denied {
		t.Errorf("%+v", got)
	}
	s.write("feedz: {}")
	if line := reload("reload refused"); !strings.Contains(line, "feedz") {
		t.Error(line)
	}
	if got := r.send("m-2", `{"uqhost":"www1"}`); got.Code != message.Denied {
		t.Errorf("after a reload that was refused: %+v", got)
	}
	s.write(append(loopback, "schemas: /nonexistent")...)
	if line := reload("/nonexistent"); !strings.Contains(line, "reload refused") {
		t.Error(line)
	}
}

// A SIGHUP ends nobody, whenever it comes.
func TestReloadWhileStopping(t *testing.T) {
	s := newSite(t, loopback...)
	r := s.listen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.stop()
		r.wait()
	}()
	for range 20 {
		must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	}
	<-done
	must(t, r.wait())
}

// systemd hears of each change in the listener's life, in order.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	hear := func(want string) {
		t.Helper()
		must(t, socket.SetReadDeadline(time.Now().Add(patience)))
		b := make([]byte, 1000)
		n, err := socket.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Fatalf("heard %q, %v, want %s", b[:n], err, want)
		}
	}
	s := newSite(t, loopback...)
	r := s.listen()
	hear("READY=1")
	// Ready means that the address is bound.
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	hear("RELOADING=1\nMONOTONIC_USEC=")
	hear("READY=1")
	r.stop()
	hear("STOPPING=1")
	must(t, r.wait())
}
