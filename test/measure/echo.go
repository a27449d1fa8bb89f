package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/webhuis/cfengine-messages/zmq"
)

// echoCommand makes this program the bare echo: what remains of a listener
// when nothing is opened, judged, stored or sealed. The pattern follows.
const echoCommand = "echo"

// lastMessage makes the echo write how many came before it.
const lastMessage = "last"

// serveEcho answers each message with its own bytes, where the pattern has
// answers, until it is told to end.
func serveEcho(ctx context.Context, pattern string, out io.Writer) error {
	server, err := zmq.Listen(zmq.ServerOptions{Pattern: pattern, Binds: []string{"tcp://127.0.0.1:0"}, Outstanding: 8192})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, server.Endpoints()[0])
	count := 0
	return server.Serve(ctx, func(q zmq.Request) {
		if string(q.Payload) == lastMessage {
			fmt.Fprintln(out, "received", count)
		}
		count++
		q.Reply(q.Payload)
	})
}

func (s *stage) startEcho(ctx context.Context, p pattern) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startChild(exec.CommandContext(ctx, self, echoCommand, p.Name), filepath.Join(s.dir, "echo.log"))
}

var received = regexp.MustCompile(`received (\d+)\n`)

// echoHas asks the echo how many messages it has.
func echoHas(ctx context.Context, l *load) (arrival, error) {
	if _, err := l.send(ctx, []byte(lastMessage)); err != nil {
		return arrival{}, err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(l.to.log)
		if err != nil {
			return arrival{}, err
		}
		if found := received.FindSubmatch(text); found != nil {
			n, err := strconv.Atoi(string(found[1]))
			return arrival{count: n, at: time.Now()}, err
		}
	}
	return arrival{}, errors.New("the echo has not received the last message")
}
