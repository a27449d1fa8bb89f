package zmq

import (
	"context"
	"strings"
	"time"

	"github.com/pebbe/zmq4"
)

// link is the way to one endpoint in one pattern. It has one connection, made when it is first needed and anew after it
// was lost, which belongs to the goroutine that holds the link.
type link struct {
	client *Client
	kind   zmq4.Type
	to     Endpoint

	turn  chan struct{} // has room for the one who holds the link
	stage stage

	connection *connection // of the holder; nil while there is none
}

func (l *link) init(c *Client, kind zmq4.Type, to Endpoint) {
	l.client, l.kind, l.to, l.turn = c, kind, to, make(chan struct{}, 1)
}

// hold waits for the link, no longer than ctx, and release gives it back.
func (l *link) hold(ctx context.Context) error {
	start := time.Now()
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ended(ctx, ctx.Err(), l.stage.now(), l.stage.text(), start)
	}
}

func (l *link) release() {
	<-l.turn
}

// connect sees to it that there is a connection, where none is left it makes one.
func (l *link) connect(ctx context.Context) error {
	if l.connection != nil && l.connection.lost() == nil {
		return nil
	}
	l.drop()
	addresses, err := l.resolve(ctx)
	if err != nil {
		return err
	}
	l.connection, err = l.dialEach(ctx, addresses)
	return err
}

func (l *link) resolve(ctx context.Context) ([]string, error) {
	l.stage.is(Unresolvable)
	return l.to.resolve(ctx, l.client.lookup)
}

// dialEach tries each address in turn. When none works, the error is of the kind that came furthest and tells of each.
func (l *link) dialEach(ctx context.Context, addresses []string) (*connection, error) {
	var failed *Error
	for i, address := range addresses {
		connection, err := l.dial(ctx, address, len(addresses)-i)
		if err == nil {
			return connection, nil
		}
		if len(addresses) > 1 {
			err = named(strings.TrimPrefix(address, "tcp://"), err)
		}
		failed = failed.and(err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// dial gives one address its share of the time that is left, so that a dead first one does not use it up.
func (l *link) dial(ctx context.Context, address string, left int) (*connection, error) {
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
	defer cancel()
	return dial(ctx, l.client.zctx, l.kind, address, l.client.options, &l.stage)
}

// drop closes the connection, and with it what it still holds.
func (l *link) drop() {
	if l.connection != nil {
		l.connection.close()
		l.connection = nil
	}
}
