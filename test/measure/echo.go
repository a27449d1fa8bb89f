package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/zmq"
)

// echoCommand makes this program the bare echo: what remains of a listener
// when nothing is opened, judged, stored or sealed.
const echoCommand = "echo"

// serveEcho answers each request with its own bytes, until it is told to end.
func serveEcho(ctx context.Context, out io.Writer) error {
	router, err := zmq.Bind(zmq.ServerOptions{Binds: []string{"tcp://127.0.0.1:0"}, Outstanding: 8192})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, router.Endpoints()[0])
	return router.Serve(ctx, func(q zmq.Request) { q.Reply(q.Payload) })
}

func (s *stage) startEcho(ctx context.Context) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startChild(exec.CommandContext(ctx, self, echoCommand), filepath.Join(s.dir, "echo.log"))
}
