package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/listener"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/zmq"
)

const (
	// drain bounds an orderly stop: what was received is judged, stored and
	// answered within it. systemd's patience is 90 s.
	drain = 20 * time.Second
	// outstanding bounds the requests of one socket that are not yet answered.
	outstanding = 8192
)

// service holds everything of a running listener, in the order in which it
// is opened; close goes the other way.
type service struct {
	config Config
	flags  flags
	log    *slog.Logger

	pair     *hostkey.Pair
	trust    *hostkey.Trust
	pending  *hostkey.Pending
	queue    *queue.Queue
	admits   *admission
	curve    curvePair // empty where nothing speaks CURVE
	truth    *truth.Truth
	replies  *replies
	handlers *handlers
	keeper   *keeper
	listener *listener.Listener
	sockets  []*zmq.Server
	metrics  *metrics // nil where nobody asks

	publisher atomic.Pointer[publisher] // told of changes from before it is there
	enrolment atomic.Pointer[enrolment] // the same; nil where no socket is for enrolled hosts
}

// changed tells those who follow the truth what is known otherwise than before.
func (s *service) changed(changes []truth.Change) {
	s.admits.changed(changes)
	s.enrolment.Load().changed(changes)
	s.publisher.Load().changed(changes)
}

// stored tells those who read the queue that there is something for them.
func (s *service) stored(schema string) {
	s.truth.Wake()
	s.handlers.wake(schema)
}

func (s *service) bind(size int) error {
	for i, l := range s.config.Listeners {
		of, err := s.curve.client(l.ServerKey)
		if err != nil {
			return fmt.Errorf("listeners[%d]: %w", i, err)
		}
		socket, err := zmq.Listen(zmq.ServerOptions{
			Pattern: l.Pattern, Binds: l.Bind, Connects: l.Connect, Topics: l.topics(s.pair.Digest()),
			MaxMessage: cutOff(size), Outstanding: outstanding, Drain: drain,
			Curve: s.curve.server(l.Curve, s.enrolment.Load()), CurveOf: of,
			Event: func(err error) { s.log.Warn("trouble with a connection", "error", err) },
		})
		if err != nil {
			return err
		}
		s.sockets = append(s.sockets, socket)
	}
	return nil
}

// cutOff is the size of frame whose connection libzmq cuts without a word.
// Under it are all envelopes of containers within the limit, which base64
// makes longer by a third and header and signature by up to 7 KiB, and as
// many that are too large and shall hear so.
func cutOff(size int) int64 { return 2*int64(size) + 16<<10 }

// serve runs until ctx ends, or until a socket or the queue fails.
func (s *service) serve(ctx context.Context, hup <-chan os.Signal) (failed error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, len(s.sockets))
	for i, socket := range s.sockets {
		go func() { ended <- socket.Serve(ctx, s.submit(s.config.Listeners[i])) }()
	}
	stopping := sync.OnceFunc(func() {
		s.log.Info("stopping, what was received is answered first")
		s.notify(daemon.SdNotifyStopping)
	})
	stop, broken := ctx.Done(), s.queue.Broken()
	for running := len(s.sockets); running > 0; {
		select {
		case <-stop:
			stop, hup = nil, nil
			stopping()
		case <-hup:
			s.reload()
		case <-broken:
			broken = nil
			failed = errors.Join(failed, s.queue.Err())
			cancel(s.queue.Err())
		case err := <-ended:
			running--
			if ctx.Err() != nil {
				stopping() // a socket may end before stop has its turn
			}
			failed = errors.Join(failed, err)
			cancel(err) // one socket down: stop them all, a supervisor starts anew
		}
	}
	return failed
}

// submit hands what a socket receives to the listener.
func (s *service) submit(l Socket) func(zmq.Request) {
	door := s.door(l)
	return func(q zmq.Request) {
		s.listener.Submit(listener.Incoming{
			Pattern: l.Pattern, Peer: q.Peer, Frame: q.Payload, Fault: q.Fault, Silent: l.silent(), Proved: q.Client != "",
			May: func(o message.Opened) error { return door.may(q.Client, o) }, Answer: func(receipt []byte) {
				if receipt == nil {
					q.Drop()
					return
				}
				q.Reply(receipt)
			},
		})
	}
}

// close ends what open began, last first: sockets have ended with serve,
// then the publisher, the workers, the handlers, the truth, and the queue with all that
// waits for its commit.
func (s *service) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var errs []error
	for _, socket := range s.sockets {
		errs = append(errs, socket.Close())
	}
	errs = append(errs, s.metrics.close(ctx), s.publisher.Load().close())
	if s.listener != nil {
		errs = append(errs, s.listener.Close(ctx))
	}
	s.keeper.close()
	errs = append(errs, s.handlers.close(ctx), s.admits.close(), s.replies.close(), s.enrolment.Load().close())
	if s.truth != nil {
		errs = append(errs, s.truth.Close())
	}
	if s.queue != nil {
		errs = append(errs, s.queue.Close())
	}
	if s.pending != nil {
		errs = append(errs, s.pending.Close())
	}
	if s.trust != nil {
		errs = append(errs, s.trust.Close())
	}
	return errors.Join(errs...)
}
