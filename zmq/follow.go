package zmq

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// How often a name is looked up, after a failure at first and at most, and when all is well.
const (
	lookupSoon  = time.Second
	lookupAgain = time.Minute
)

// move is a change of address for the goroutine that has the socket. libzmq itself connects, and again when a connection
// is lost, but only to addresses.
type move struct {
	from, to string
}

// followAll connects to all of ServerOptions.Connects, until ctx ends; wait returns when all that has.
func (s *Server) followAll(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	for _, text := range s.options.Connects {
		e, _ := ParseEndpoint(text) // checked by Listen
		all.Go(func() { s.follow(ctx, e) })
	}
	return all.Wait
}

// follow keeps the socket on the address that a name has.
func (s *Server) follow(ctx context.Context, e Endpoint) {
	current, wait := "", lookupSoon
	for ctx.Err() == nil {
		address, final, err := pickAddress(ctx, e, current)
		if err == nil && address != current {
			select {
			case s.moves <- move{from: current, to: address}:
				s.answers.wake()
			case <-ctx.Done():
				return
			}
			current = address
		}
		if final {
			return
		}
		wait = min(2*wait, lookupAgain)
		if err == nil {
			wait = lookupAgain
		} else if ctx.Err() == nil {
			s.event(fmt.Errorf("connect %s: %w; the next try is in about %v", e, cause(err), wait))
		}
		pause(ctx, wait/2+rand.N(wait))
	}
}

// pickAddress gives the one to connect to. It is final when there is no name in the endpoint; of several addresses
// it is the first that answers, before all the current one.
func pickAddress(ctx context.Context, e Endpoint, current string) (address string, final bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addresses, err := e.resolve(ctx, net.DefaultResolver.LookupNetIP)
	if err != nil {
		return "", false, err
	}
	if len(addresses) == 1 {
		return addresses[0], addresses[0] == e.String(), nil
	}
	if i := slices.Index(addresses, current); i > 0 {
		addresses[0], addresses[i] = addresses[i], addresses[0]
	}
	for _, a := range addresses {
		if tcpAnswers(ctx, a) {
			return a, false, nil
		}
	}
	return addresses[0], false, nil
}

func tcpAnswers(ctx context.Context, address string) bool {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(address, "tcp://"))
	return err == nil && c.Close() == nil
}

// move makes the changes that wait.
func (s *Server) move() {
	for {
		select {
		case m := <-s.moves:
			if m.from != "" {
				_ = again(func() error { return s.socket.Disconnect(m.from) }) // its last connection may be gone already
			}
			if err := connect(s.socket, m.to); err != nil {
				s.event(fmt.Errorf("connect %s: %w", m.to, err))
			}
		default:
			return
		}
	}
}

func (s *Server) event(err error) {
	if s.options.Event != nil {
		s.options.Event(err)
	}
}
