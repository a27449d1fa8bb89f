package zmq

import (
	"strings"
	"testing"

	"github.com/pebbe/zmq4"
)

// A context that libzmq does not let go of, as one with a socket that is still open, does not hold up the end of a
// program.
func TestTerminateIsBounded(t *testing.T) {
	zctx, err := newContext(8)
	if err != nil {
		t.Fatal(err)
	}
	s, err := zctx.NewSocket(zmq4.PUSH)
	if err != nil {
		t.Fatal(err)
	}
	if err := terminate(zctx); err == nil || !strings.Contains(err.Error(), "did not end within") {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
