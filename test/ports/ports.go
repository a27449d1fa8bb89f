// Package ports gives tests TCP ports that stay free until they are used.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Whoever names no port gets one from 32768 on (ip_local_port_range of Linux):
// what is free there now can be anybody's a moment later, and who connects to it
// with nobody there can even meet himself.
const first, last = 10_000, 32_000

// Free is a port of the loopback on which nobody listens; no other test gets it
// until t has ended.
func Free(t testing.TB) string {
	t.Helper()
	port, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// Reserve is Free until release is called. What keeps other processes from the
// port is the UDP port of that number, so that TCP is free for who is to listen.
func Reserve() (port string, release func(), err error) {
	for range 1000 {
		port = strconv.Itoa(first + rand.N(last-first))
		var token net.PacketConn
		if token, err = net.ListenPacket("udp", "127.0.0.1:"+port); err != nil {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", ":"+port); err == nil {
			return port, func() { token.Close() }, l.Close()
		}
		token.Close()
	}
	return "", nil, fmt.Errorf("no port is free: %w", err)
}
