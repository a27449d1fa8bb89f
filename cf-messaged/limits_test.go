package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
)

// smallDisk makes the state folder a file system of 4 MiB, with 2.5 of them
// taken until ballast is removed.
func (s *site) smallDisk() (ballast string) {
	s.t.Helper()
	must(s.t, os.Mkdir(s.state, 0o700))
	if err := unix.Mount("tmpfs", s.state, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		s.t.Skip("needs root to mount a small disk:", err)
	}
	s.t.Cleanup(func() { must(s.t, unix.Unmount(s.state, 0)) }) // after the listener's end
	ballast = filepath.Join(s.state, "ballast")
	must(s.t, os.WriteFile(ballast, make([]byte, 5<<19), 0o600))
	return ballast
}

// untilBusy sends messages until the answer is busy, and gives how to send that
// one again.
func (r *running) untilBusy() (again func() message.Receipt) {
	r.t.Helper()
	content := `{"uqhost":"www1","site":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`
	for i := range 100 {
		got := r.send(fmt.Sprint("m-", i), content)
		if got.Code == message.Busy {
			return func() message.Receipt { return r.send(fmt.Sprint("m-", i), content) }
		}
		if got.Status != message.Stored {
			r.t.Fatalf("%d: %+v", i, got)
		}
	}
	r.t.Fatal("never busy")
	return nil
}

// A full disk is busy, and no reason to stop: with room again, the message is stored.
func TestFullDisk(t *testing.T) {
	s := newSite(t, append(loopback, "limits: {disk_free: off}")...)
	ballast := s.smallDisk()
	r := s.listen()
	again := r.untilBusy()
	r.log.await(t, "message not stored")
	must(t, os.Remove(ballast))
	if got := again(); got.Status != message.Stored {
		t.Errorf("with room again: %+v", got)
	}
}

// Without a word in the configuration the listener is busy before a disk is full,
// and so much room is left that all else goes on.
func TestDiskFree(t *testing.T) {
	s := newSite(t, loopback...)
	ballast := s.smallDisk()
	r := s.listen()
	again := r.untilBusy()
	if got := again(); got.Code != message.Busy || !strings.Contains(got.Reason, "nearly full") {
		t.Errorf("%+v", got)
	}
	var disk unix.Statfs_t
	must(t, unix.Statfs(s.state, &disk))
	if free := int64(disk.Bavail) * disk.Bsize; free < 100<<10 {
		t.Errorf("%d bytes free\n%s", free, r.log.String())
	}
	must(t, os.Remove(ballast))
	await(t, "room", func() bool { return again().Status == message.Stored })
	for _, word := range []string{"nearly full", "has room again"} {
		r.log.await(t, word)
		if n := strings.Count(r.log.String(), word); n != 1 {
			t.Errorf("%q %d times", word, n)
		}
	}
	for _, word := range []string{"message not stored", "disk is full"} {
		if strings.Contains(r.log.String(), word) {
			t.Errorf("something met a full disk: %s", r.log.String())
		}
	}
}

// The configuration's limit is the listener's, and the log tells at its end.
func TestPerSender(t *testing.T) {
	s := newSite(t, append(loopback, "limits: {per_sender: 1/s}")...)
	r := s.listen()
	busy := 0
	for i := range 150 {
		if got := r.send(fmt.Sprint("m-", i), `{"uqhost":"www1"}`); got.Code == message.Busy {
			busy++
		}
	}
	if busy == 0 || busy > 50 {
		t.Errorf("%d of 150 busy, where 100 may come at once", busy)
	}
	r.stop()
	must(t, r.wait())
	var bye struct {
		Over int `json:"over_limits"`
	}
	must(t, json.Unmarshal([]byte(r.log.line(`"bye"`)), &bye))
	if bye.Over != busy {
		t.Errorf("%d counted, %d busy", bye.Over, busy)
	}
}

// By default all that an outbox holds comes through at once (policy/README.md,
// outbox_messages).
func TestOutboxDrains(t *testing.T) {
	var c Config
	c.complete(flags{})
	if rates, err := c.Limits.rates(); err != nil || rates.Sender*100 < 50_000 {
		t.Errorf("%+v, %v", rates, err)
	}
}
