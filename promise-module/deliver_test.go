package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/zmq"
)

// aFrame is the bare message of anID.
var aFrame = []byte(`{"host":{"message_id":"` + anID + `","content":` + someContent + `,"version":"1.0"}}`)

// deliver sends aFrame and tells how long it took. The whole has bound.
func deliver(t *testing.T, bound, timeout time.Duration, retries int, endpoints ...string) (answer, time.Duration, error) {
	t.Helper()
	client := zmq.NewClient(zmq.ClientOptions{})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	d := delivery{endpoints: endpoints, timeout: timeout, retries: retries, carry: requesting(client)}
	began := time.Now()
	a, err := d.send(ctx)
	return a, time.Since(began), err
}

// requesting carries aFrame as a request.
func requesting(client *zmq.Client) func(context.Context, string) (answer, error) {
	return func(ctx context.Context, endpoint string) (answer, error) {
		return readerOf(false).answered(client.Request(ctx, endpoint, aFrame))
	}
}

func storing(t *testing.T) (endpoint string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	return listen(t, func(frame []byte) []byte {
		asked.Add(1)
		return bareReceipt(t, stored, idOf(frame))
	}), asked
}

const aMinute = time.Minute

// inTime tries with a limit, and where something is wrong with longer and longer
// ones: a busy machine needs longer, and what takes no heed of its limit is wrong
// with each of them.
func inTime(t testing.TB, limit time.Duration, try func(limit time.Duration) error) {
	t.Helper()
	for {
		err := try(limit)
		if err == nil {
			return
		}
		if limit *= 2; limit > aMinute {
			t.Fatal(err)
		}
		t.Logf("once more, with %s: %v", limit, err)
	}
}

func TestTheFirstEndpointThatAnswersServes(t *testing.T) {
	first, askedFirst := storing(t)
	second, askedSecond := storing(t)
	a, _, err := deliver(t, aMinute, aMinute, 2, first, second)
	if err != nil || a.endpoint != first || askedFirst.Load() != 1 || askedSecond.Load() != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	a, took, err := deliver(t, aMinute, aMinute, 0, deadEndpoint(t), second)
	if err != nil || a.endpoint != second || took > aMinute/2 {
		t.Errorf("the first is not there: %+v, %v in %s", a, err, took)
	}
}

// Even with a single round, one that swallows its time leaves the next its turn.
func TestASilentEndpointLeavesTimeForTheNext(t *testing.T) {
	second, _ := storing(t)
	silent := silentEndpoint(t)
	inTime(t, 2*time.Second, func(limit time.Duration) error {
		a, _, err := deliver(t, limit, limit, 0, silent, second)
		if err == nil && a.endpoint != second {
			t.Errorf("%+v", a)
		}
		return err
	})
}

func TestABusyListenerIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	endpoint := listen(t, func(frame []byte) []byte {
		if asked.Add(1) <= 2 {
			return bareReceipt(t, message.Receipt{Status: message.Refused, Code: message.Busy, Reason: "the disk"}, idOf(frame))
		}
		return bareReceipt(t, stored, idOf(frame))
	})
	a, _, err := deliver(t, aMinute, aMinute, 2, endpoint)
	if err != nil || a.receipt.Status != message.Stored || asked.Load() != 3 {
		t.Errorf("%+v, %v after %d", a, err, asked.Load())
	}
	asked.Store(-10)
	_, _, err = deliver(t, aMinute, aMinute, 1, endpoint)
	mustFail(t, err, endpoint, "busy: the disk")
}

func TestABusyListenersNeighbourServes(t *testing.T) {
	busy := listen(t, func(frame []byte) []byte { return bareReceipt(t, refusedWith(message.Busy), idOf(frame)) })
	second, _ := storing(t)
	if a, _, err := deliver(t, aMinute, aMinute, 0, busy, second); err != nil || a.endpoint != second {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	for _, code := range message.Codes {
		if code == message.Busy {
			continue
		}
		var asked atomic.Int32
		endpoint := listen(t, func(frame []byte) []byte {
			asked.Add(1)
			return bareReceipt(t, refusedWith(code), message.NilID)
		})
		second, askedSecond := storing(t)
		a, _, err := deliver(t, aMinute, aMinute, 3, endpoint, second)
		if err != nil || a.receipt.Code != code || asked.Load() != 1 || askedSecond.Load() != 0 {
			t.Errorf("%s: %+v, %v, asked %d and %d times", code, a, err, asked.Load(), askedSecond.Load())
		}
	}
}

// A receipt that does not hold is no delivery; the same message is sent again.
func TestAnAnswerThatDoesNotCountIsNoDelivery(t *testing.T) {
	frames := make(chan string, 10)
	endpoint := listen(t, func(frame []byte) []byte {
		if frames <- string(frame); len(frames) == 1 {
			return bareReceipt(t, stored, "another")
		}
		return bareReceipt(t, stored, idOf(frame))
	})
	a, _, err := deliver(t, aMinute, aMinute, 1, endpoint)
	if err != nil || a.receipt.Status != message.Stored || len(frames) != 2 {
		t.Fatalf("%+v, %v after %d frames", a, err, len(frames))
	}
	if first, second := <-frames, <-frames; first != second {
		t.Errorf("first %q was sent, then %q", first, second)
	}
}

func TestTheWholeKeepsItsBound(t *testing.T) {
	mute := listen(t, func([]byte) []byte { return nil })
	for what, endpoints := range map[string][]string{
		"a silent one":      {silentEndpoint(t)},
		"one without words": {mute},
		"dead ones":         {deadEndpoint(t), deadEndpoint(t)},
		"all sorts":         {deadEndpoint(t), silentEndpoint(t), mute, silentEndpoint(t)},
	} {
		inTime(t, 300*time.Millisecond, func(bound time.Duration) error {
			_, took, err := deliver(t, bound, bound/3, 100, endpoints...)
			mustFail(t, err, endpoints[0])
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: more than a line: %q", what, err)
			}
			if took > 10*bound { // a third of what the rounds alone would take
				return fmt.Errorf("%s: %s of %s", what, took, bound)
			}
			return nil
		})
	}
}

// The words of a round that had its time stand, not those of the one that was
// cut short.
func TestTheErrorIsOfARoundThatHadItsTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), aMinute)
	defer cancel()
	round := 0
	d := delivery{endpoints: []string{"tcp://hub:1"}, timeout: aMinute, retries: 5, carry: func(context.Context, string) (answer, error) {
		if round++; round == 3 {
			cancel()
		}
		return answer{}, fmt.Errorf("round %d", round)
	}}
	_, err := d.send(ctx)
	if mustFail(t, err, "tcp://hub:1: round 2"); round != 3 {
		t.Errorf("there were %d rounds", round)
	}
}

func TestWhoseAgentIsGoneReturnsAtOnce(t *testing.T) {
	arrived := make(chan struct{}, 10)
	mute := listen(t, func([]byte) []byte { arrived <- struct{}{}; return nil })
	client := zmq.NewClient(zmq.ClientOptions{})
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	d := delivery{endpoints: []string{mute}, timeout: aMinute, retries: 2, carry: requesting(client)}
	go func() { <-arrived; cancel() }()
	began := time.Now()
	_, err := d.send(ctx)
	if took := time.Since(began); err == nil || !errors.Is(err, context.Canceled) || took > aMinute/2 {
		t.Errorf("%v after %s", err, took)
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	if !pause(ctx, 1) || time.Since(began) < firstPause/2 {
		t.Error("the first pause is too short")
	}
	cancel()
	for _, round := range []int{1, 2, 10, 37, 38, 64, maxRetries} {
		if pause(ctx, round) {
			t.Errorf("round %d: paused without time", round)
		}
	}
}
