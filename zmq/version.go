// Package zmq carries messages over libzmq and knows nothing of what is in them: bytes and addresses go in and out.
//
// Client sends in every pattern and Server, made by Listen, receives (DESIGN.md section 5); Sender sends where the peers
// connect. This is the only package that imports github.com/pebbe/zmq4, and so the only one that needs cgo.
//
// Rules that hold in the whole package (facts/zeromq.md, where each was tried):
//   - a socket is used by one goroutine at a time, else libzmq aborts the process;
//   - no call into libzmq blocks longer than a slice of its caller's deadline, since a signal can end it or stretch it;
//   - names are resolved in Go, libzmq is given addresses;
//   - linger is 0 but where something without an answer is handed over, and then bounded, so that no exit hangs;
//   - where CURVE keys are judged, the gate that does it stands before any peer can come and until the last has gone;
//   - a socket that binds is never left alone: peers that come and go cost memory until the next call.
package zmq

import (
	"fmt"

	"github.com/pebbe/zmq4"
)

// Version is the version of the libzmq in use, such as "4.3.4".
func Version() string {
	major, minor, patch := zmq4.Version()
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// CheckVersion refuses a libzmq older than 4.3.3: those can be crashed or overrun by a peer that is not even
// authenticated (CVE-2019-6250, CVE-2019-13132, CVE-2020-15166). Listen and the first call check it themselves.
func CheckVersion() error {
	return checkVersion(zmq4.Version())
}

func checkVersion(major, minor, patch int) error {
	if major == 0 {
		return fmt.Errorf("libzmq does not fit the one this program was built with: install libzmq 4.3.3 or newer, or rebuild")
	}
	if major*10000+minor*100+patch < 40303 {
		return fmt.Errorf("libzmq %d.%d.%d has known holes: install 4.3.3 or newer", major, minor, patch)
	}
	return nil
}
