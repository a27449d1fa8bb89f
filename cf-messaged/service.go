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

	publisher atomic.Pointer[publisher] // told of changes from before it is there
	enrolment atomic.Pointer[enrolment] // the same; nil where no socket is for enrolled hosts
}

// open opens every file and binds every socket before anything runs, so that
// "address in use" is an ordinary error.
func (s *service) open() (err error) {
	rules, err := s.config.rules(senders{})
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", s.config.name(), err)}
	}
	views, err := s.config.views()
	if err != nil {
		return usageError{err}
	}
	limits, err := s.config.limits()
	if err != nil {
		return usageError{err}
	}
	skew, err := s.config.clockSkew()
	if err != nil {
		return usageError{err}
	}
	if s.config.speaksCurve() {
		if s.curve, err = readCurve(s.config.State); err != nil {
			return err
		}
	}
	if s.pair, err = hostkey.ReadPair(s.config.Keys); err != nil {
		return permitted(err, s.config.Keys)
	}
	if s.trust, err = s.config.openTrust(); err != nil {
		return err
	}
	// However large a message may be, some find room.
	if s.queue, err = queue.Open(s.config.State, queue.Options{WaitingBytes: max(64<<20, 4*cutOff(limits.Size))}); err != nil {
		return permitted(err, s.config.State)
	}
	s.pending, err = hostkey.OpenPending(s.config.pendingKeys(), s.trust.Settled, func(err error) { s.log.Error("pending keys not written", "error", err) })
	if err != nil {
		return permitted(err, s.config.State)
	}
	s.admits = newAdmission(s.config.State, s.pair.Digest(), s.log)
	if s.truth, err = truth.Open(s.config.State, truth.Options{Schemas: rules.Schemas, Kept: s.config.keptSchemas(), Log: s.log, Changed: s.changed}); err != nil {
		return permitted(err, s.config.State)
	}
	if err := s.openEnrolment(); err != nil {
		return permitted(err, s.config.State)
	}
	if s.replies, err = openReplies(s.config, s.truth, s.enrolment.Load()); err != nil {
		return permitted(err, s.config.State)
	}
	s.admits.follow(s.config, views, rules.Schemas, func(r listener.Rules) { rules = r })
	s.handlers, err = startHandlers(s.config, s.queue, newRelay(s.pair, s.trust, cutOff(limits.Size), s.curve, s.enrolment.Load()), s.log)
	if err != nil {
		return permitted(err, s.config.State)
	}
	s.keeper = s.startKeeper(s.config)
	rates, err := s.config.Limits.rates()
	if err != nil {
		return usageError{err}
	}
	disk, err := s.config.diskFree()
	if err != nil {
		return err
	}
	s.listener, err = listener.New(listener.Options{
		Pair: s.pair, Trust: s.trust, Pending: s.pending, Queue: s.queue, Rules: rules, Limits: limits, Skew: skew,
		Rates: rates, Disk: disk, Room: outstanding * len(s.config.Listeners), Stored: s.stored, Reply: s.replies.reply, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.admits.start(s.listener.SetRules)
	if err := s.bind(limits.Size); err != nil {
		return err
	}
	return s.openPublisher(views, limits)
}

// openEnrolment learns which CURVE keys belong to which hosts, where a socket asks.
func (s *service) openEnrolment() error {
	if !s.config.enrols() {
		return nil
	}
	e, err := newEnrolment(s.config.State, s.curve, s.pair.Digest(), s.trust, s.log)
	if err != nil {
		return err
	}
	s.enrolment.Store(e)
	return e.start()
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
	errs = append(errs, s.publisher.Load().close())
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
