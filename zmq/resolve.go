package zmq

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// resolver is what a name is looked up with: net.Resolver.LookupNetIP.
type resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

// resolve gives the addresses of an endpoint in the form libzmq takes, at least one, in the resolver's order of
// preference. It is done here and not in libzmq, which would look names up on the thread that serves all connections
// and tell nobody when there is no such name (facts/zeromq.md section 0, trap 3).
func (e Endpoint) resolve(ctx context.Context, lookup resolver) ([]string, error) {
	if e.Scheme == "ipc" {
		return []string{e.String()}, nil
	}
	hosts := []netip.Addr{}
	if a, err := netip.ParseAddr(e.Host); err == nil {
		hosts = append(hosts, a)
	} else if hosts, err = lookup(ctx, "ip", e.Host); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fail(Canceled, "name resolution: %w", context.Canceled)
		}
		return nil, fail(Unresolvable, "the name cannot be resolved: %w", err)
	}
	if len(hosts) == 0 {
		return nil, fail(Unresolvable, "the name has no address")
	}
	addresses := make([]string, len(hosts))
	for i, h := range hosts {
		addresses[i] = "tcp://" + net.JoinHostPort(h.Unmap().String(), strconv.Itoa(e.Port))
	}
	return addresses, nil
}
