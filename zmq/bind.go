package zmq

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"
)

// bindAll binds the socket to every endpoint and gives the endpoints it really has, with the ports the system chose.
func bindAll(s *zmq4.Socket, binds []string) ([]string, error) {
	var bound []string
	for _, text := range binds {
		e, err := ParseBind(text)
		if err != nil {
			return nil, err
		}
		addresses, err := bindAddresses(e)
		if err != nil {
			return nil, fmt.Errorf("bind %s: %w", text, err)
		}
		for _, a := range addresses {
			real, err := bindOne(s, a)
			if err != nil {
				return nil, fmt.Errorf("bind %s: %w", text, err)
			}
			bound = append(bound, real)
		}
	}
	return bound, nil
}

// bindAddresses turns the host into addresses: libzmq 4.3.4 cannot bind a name (facts/zeromq.md 4.4).
func bindAddresses(e Endpoint) ([]string, error) {
	if e.Scheme == "ipc" {
		return []string{e.String()}, checkPath(e.Path)
	}
	if e.Host == "*" {
		return []string{fmt.Sprintf("tcp://*:%d", e.Port)}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return e.resolve(ctx, net.DefaultResolver.LookupNetIP)
}

// checkPath guards what is at an ipc path: libzmq deletes it before it binds, were it a file of someone's or the
// socket of a running listener.
func checkPath(path string) error {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return inUse(syscall.EADDRINUSE)
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		err = fmt.Errorf("%s is there and no socket: choose another path or remove it", path)
	}
	return err
}

func bindOne(s *zmq4.Socket, address string) (string, error) {
	err := bind(s, address)
	switch {
	case is(err, syscall.EADDRINUSE):
		return "", inUse(err)
	case is(err, syscall.EADDRNOTAVAIL), is(err, syscall.ENODEV):
		return "", fmt.Errorf("%w: this host does not have that address", err)
	case is(err, syscall.EACCES):
		return "", fmt.Errorf("%w: a port below 1024 needs root, an ipc path a folder one may write to", err)
	case err != nil:
		return "", err
	}
	bound, err := s.GetLastEndpoint()
	if err != nil {
		return "", err
	}
	return plainEndpoint(bound)
}

// plainEndpoint writes an IPv4 address as such: with IPV6 on, libzmq names it [::ffff:192.0.2.1].
func plainEndpoint(bound string) (string, error) {
	e, err := ParseBind(bound)
	if a, notAddress := netip.ParseAddr(e.Host); notAddress == nil {
		e.Host = a.Unmap().String()
	}
	return e.String(), err
}

func inUse(err error) error {
	return fmt.Errorf("%w: another program listens there; stop it or choose another endpoint", err)
}
