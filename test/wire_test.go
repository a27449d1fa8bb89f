package test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire lies between a node and a listener, and sees each message on its way.
type wire struct {
	endpoint string // what the node connects to
	target   string // HOST:PORT of the listener

	connections atomic.Int64
	mu          sync.Mutex
	meet        func(heading) fate // guarded by mu
}

// heading is where a message comes from.
type heading string

const (
	fromNode     heading = "the node"
	fromListener heading = "the listener"
	connecting   heading = "a connection" // before its first byte
)

// fate is what becomes of a message, and of the connection that carries it.
type fate int

const (
	passes fate = iota
	vanishes
	cut // the message vanishes, and the connection ends
)

// newWire lays a wire to a listener's endpoint, on which everything passes.
func newWire(t *testing.T, endpoint string) *wire {
	t.Helper()
	w := &wire{target: endpoint[len("tcp://"):], meet: func(heading) fate { return passes }}
	w.endpoint = stranger(t, func(c net.Conn) {
		w.connections.Add(1)
		w.join(c)
	})
	return w
}

// fault sets what becomes of the messages from now on. It is asked for each of
// them before it passes.
func (w *wire) fault(meet func(heading) fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meet = meet
}

func (w *wire) fateOf(from heading) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.meet(from)
}

// join carries one connection until either side ends it.
func (w *wire) join(node net.Conn) {
	defer node.Close()
	if w.fateOf(connecting) != passes {
		return
	}
	listener, err := net.DialTimeout("tcp", w.target, patience)
	if err != nil {
		return
	}
	_ = listener.SetDeadline(time.Now().Add(patience))
	var both sync.WaitGroup
	for _, way := range []struct {
		from     heading
		in, into net.Conn
	}{{fromNode, node, listener}, {fromListener, listener, node}} {
		both.Go(func() {
			_ = w.carry(way.from, way.in, way.into) // its end is the connection's
			node.Close()
			listener.Close()
		})
	}
	both.Wait()
}

var errCut = errors.New("cut")

// Layout of ZMTP 3.1 (https://rfc.zeromq.org/spec/37/): a greeting, then frames
// that begin with their flags and their size.
const (
	greetingSize = 64
	flagMore     = 1
	flagLong     = 2
	flagCommand  = 4
)

// carry passes on what comes, message by message.
func (w *wire) carry(from heading, in io.Reader, into io.Writer) error {
	if _, err := io.CopyN(into, in, greetingSize); err != nil {
		return err
	}
	for {
		whole, command, err := readMessage(in)
		if err != nil {
			return err
		}
		f := passes
		if !command {
			f = w.fateOf(from)
		}
		switch f {
		case passes:
			_, err = into.Write(whole)
		case cut:
			err = errCut
		}
		if err != nil {
			return err
		}
	}
}

// readMessage reads the frames of one message, or a command.
func readMessage(in io.Reader) (whole []byte, command bool, err error) {
	for more := true; more && err == nil; {
		var frame []byte
		if frame, err = readFrame(in); err == nil {
			whole = append(whole, frame...)
			command, more = frame[0]&flagCommand != 0, frame[0]&flagMore != 0
		}
	}
	return whole, command, err
}

func readFrame(in io.Reader) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	size := uint64(head[1])
	if head[0]&flagLong != 0 {
		head = append(head, make([]byte, 7)...)
		if _, err := io.ReadFull(in, head[2:]); err != nil {
			return nil, err
		}
		size = binary.BigEndian.Uint64(head[1:])
	}
	if size > 16<<20 {
		return nil, errors.New("a frame of more than 16 MiB")
	}
	frame := append(head, make([]byte, size)...)
	_, err := io.ReadFull(in, frame[len(head):])
	return frame, err
}
