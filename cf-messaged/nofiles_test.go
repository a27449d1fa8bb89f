package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// More connections than the process may have files: whoever was there is served as
// before, whatever that takes, nobody trusted is forgotten, and with room again others
// come in. The process is the same all the time.
func TestMoreConnectionsThanFiles(t *testing.T) {
	s := newSite(t, append(loopback, "  view_request: {from: trusted}")...)
	p := spawn(t, "run", "--config", s.config)
	early, late := zmq.NewClient(zmq.ClientOptions{}), zmq.NewClient(zmq.ClientOptions{})
	defer early.Close()
	defer late.Close()
	if got := request(t, early, p.endpoint, s.seal("m-1", `{"uqhost":"www1"}`)); got.Status != message.Stored {
		t.Fatalf("%+v", got)
	}
	const most = 200
	must(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}, nil))
	var crowd []net.Conn
	for range 2 * most {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(p.endpoint, "tcp://"), patience)
		must(t, err)
		crowd = append(crowd, c)
	}
	await(t, "process without files left", func() bool {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
		must(t, err)
		return len(files) >= most-1 // a file that is opened for a moment may have been refused
	})
	for i := range 20 {
		if got := request(t, early, p.endpoint, s.seal(fmt.Sprint("m-", i+2), `{"uqhost":"www1"}`)); got.Status != message.Stored {
			t.Errorf("%d: %+v", i, got)
		}
	}
	for _, c := range crowd {
		c.Close()
	}
	await(t, "room again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := late.Request(ctx, p.endpoint, s.seal("m-late", `{"uqhost":"www1"}`))
		return err == nil
	})
	must(t, p.cmd.Process.Signal(unix.SIGTERM))
	must(t, p.end())
}
