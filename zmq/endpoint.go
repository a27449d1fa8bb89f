package zmq

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxPath is what fits into sockaddr_un with its closing zero byte (unix(7)).
const maxPath = 107

// Endpoint is where a listener is reached, or binds: tcp://HOST:PORT or ipc://PATH (DESIGN.md section 5).
//
// libzmq itself accepts nonsense without a word (port 99999, an unclosed bracket, facts/zeromq.md 4.4), so it is read
// strictly here. The zero Endpoint is not valid.
type Endpoint struct {
	Scheme string // "tcp" or "ipc"
	Host   string // tcp: a name, an address without brackets, or, to bind, "*" for every interface
	Port   int    // tcp: 1 to 65535, or, to bind, 0 for any free one
	Path   string // ipc: 1 to 107 bytes; "@name" is Linux' abstract namespace
}

// ParseEndpoint reads an endpoint that one can connect to: tcp://hub.example.com:5309, tcp://192.0.2.1:5309,
// tcp://[2001:db8::1]:5309, ipc:///run/cf-messaged.sock.
// The error names what is wrong and what is right.
func ParseEndpoint(text string) (Endpoint, error) {
	e, err := ParseBind(text)
	if err != nil {
		return Endpoint{}, err
	}
	if e.Scheme == "tcp" && (e.Host == "*" || e.Port == 0) {
		return Endpoint{}, malformed(text, errors.New(`"*" and port 0 are only for a listener that binds; name one host and one port`))
	}
	return e, nil
}

// ParseBind reads an endpoint that one can bind: what ParseEndpoint takes and besides the host "*" (every interface)
// and the port 0 or "*" (any free one; Server.Endpoints tells which).
func ParseBind(text string) (Endpoint, error) {
	scheme, rest, found := strings.Cut(text, "://")
	var e Endpoint
	err := fmt.Errorf("no transport")
	if found {
		switch scheme {
		case "tcp":
			e, err = parseTCP(rest)
		case "ipc":
			e, err = parseIPC(rest)
		default:
			err = fmt.Errorf("unknown transport %q", scheme)
		}
	}
	if err != nil {
		return Endpoint{}, malformed(text, err)
	}
	return e, nil
}

func malformed(text string, err error) error {
	return fmt.Errorf("endpoint %q: %w: an endpoint is tcp://HOST:PORT, tcp://[IPV6]:PORT or ipc:///PATH", text, err)
}

// String is the endpoint as ParseBind reads it.
func (e Endpoint) String() string {
	if e.Scheme == "ipc" {
		return "ipc://" + e.Path
	}
	return "tcp://" + net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

func parseTCP(rest string) (Endpoint, error) {
	host, digits, err := net.SplitHostPort(rest)
	if err != nil {
		return Endpoint{}, errors.New("HOST:PORT expected after tcp://, an IPv6 address in brackets")
	}
	bracketed := strings.HasPrefix(rest, "[")
	if err := checkHost(host, bracketed); err != nil {
		return Endpoint{}, err
	}
	port, err := parsePort(digits)
	return Endpoint{Scheme: "tcp", Host: host, Port: port}, err
}

func parsePort(digits string) (int, error) {
	if digits == "*" {
		return 0, nil
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || strconv.FormatUint(port, 10) != digits {
		return 0, fmt.Errorf("port %q is not a number from 1 to 65535", digits)
	}
	return int(port), nil
}

func checkHost(host string, bracketed bool) error {
	if host == "*" && !bracketed {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if bracketed && a.Is4() {
			return errors.New("an IPv4 address stands without brackets")
		}
		return nil
	}
	if bracketed {
		return fmt.Errorf("%q is not an IPv6 address", host)
	}
	return checkName(host)
}

// checkName takes what a resolver could know (RFC 1123 section 2.1, and the underscore that sites do use).
func checkName(name string) error {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "-") != l || strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return fmt.Errorf("%q is neither an address nor a host name", name)
		}
	}
	last := labels[len(labels)-1]
	if len(name) > 253 || strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%q is neither an address nor a host name", name)
	}
	return nil
}

func parseIPC(path string) (Endpoint, error) {
	switch {
	case path == "" || path == "@":
		return Endpoint{}, errors.New("no path after ipc://")
	case path == "*":
		return Endpoint{}, errors.New(`ipc needs a path, "*" is none`)
	case strings.ContainsRune(path, 0):
		return Endpoint{}, errors.New("the path holds a zero byte")
	case len(path) > maxPath:
		return Endpoint{}, fmt.Errorf("the path has %d bytes, the system takes %d", len(path), maxPath)
	}
	return Endpoint{Scheme: "ipc", Path: path}, nil
}
