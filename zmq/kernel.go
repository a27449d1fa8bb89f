package zmq

import (
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stream is a TCP connection of this process, as the system knows it.
type stream struct {
	fd       int
	peer     string // address and port
	received uint64 // bytes, since it was made
}

// streams are those to the ports; none where there is no /proc.
func streams(ports map[int]bool) (all []stream) {
	open, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil
	}
	defer open.Close()
	names, _ := open.Readdirnames(-1)
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		own, err := unix.Getsockname(fd)
		if err != nil || !ports[port(own)] {
			continue
		}
		if c, there := connected(fd); there {
			all = append(all, c)
		}
	}
	return all
}

// connected is the connection with this file descriptor; a socket that listens has none.
func connected(fd int) (stream, bool) {
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return stream{}, false
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		return stream{}, false
	}
	return stream{fd: fd, peer: addressText(peer), received: info.Bytes_received}, true
}

// shut ends the connection beneath libzmq, which sees its peer hang up, and its peer hears so at once; false where it is no
// more. Should libzmq close it at this very moment, and another peer get its number, that one is ended, and connects again.
func (c stream) shut() bool {
	now, there := connected(c.fd)
	if !there || now.peer != c.peer {
		return false
	}
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return unix.Shutdown(c.fd, unix.SHUT_RDWR) == nil
}

func port(a unix.Sockaddr) int {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

func addressText(a unix.Sockaddr) string {
	var ip net.IP
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		ip = a.Addr[:]
	case *unix.SockaddrInet6:
		ip = a.Addr[:]
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(port(a)))
}

// ownMemory is what the process has in memory that no file backs, in bytes; 0 where that is not told (proc_pid_statm(5)).
func ownMemory() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return 0
	}
	resident, err := strconv.ParseInt(fields[1], 10, 64)
	shared, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
