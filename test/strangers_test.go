package test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/test/ports"
	"github.com/webhuis/cfengine-messages/zmq"
)

// stranger listens at a port and does with each connection what meet says; the
// connection stays open unless meet closes it.
func stranger(t *testing.T, meet func(net.Conn)) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var going sync.WaitGroup
	var met []net.Conn
	going.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			met = append(met, c)
			_ = c.SetDeadline(time.Now().Add(patience))
			going.Go(func() { meet(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		going.Wait()
		for _, c := range met {
			c.Close()
		}
	})
	return "tcp://" + l.Addr().String()
}

// speaksFirst greets as an SSH server does, and hangs up on who does not.
func speaksFirst(c net.Conn) {
	_, err := c.Write([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"))
	if err == nil {
		_, _ = c.Read(make([]byte, 1))
	}
	c.Close()
}

// answersRubbish waits for a request, as a web server does, and refuses it.
func answersRubbish(c net.Conn) {
	if _, err := c.Read(make([]byte, 1)); err == nil {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 60\r\nConnection: close\r\n\r\n" +
			"<html><head><title>400 Bad Request</title></head></html>....\n"))
	}
	c.Close()
}

// mute speaks ZeroMQ, takes every message of a pattern and answers none.
func mute(t *testing.T, pattern string) (endpoint string) {
	t.Helper()
	s, err := zmq.Listen(zmq.ServerOptions{Pattern: pattern, Binds: []string{"tcp://127.0.0.1:" + ports.Free(t)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, func(q zmq.Request) { q.Drop() }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Endpoints()[0]
}

// twin is a work directory with another one's module and keys.
func twin(t *testing.T, work string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"modules/promises/messages", "ppkeys/localhost.priv", "ppkeys/localhost.pub"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.Link(filepath.Join(work, name), file)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
