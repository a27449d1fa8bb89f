package test

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// faults are the words by which a reader tells one reason from another; each
// failure has one of them.
var faults = map[string]string{
	"unresolvable":  "the name cannot be resolved",
	"refused":       "cannot connect: connection refused",
	"no handshake":  "connected, but no ZeroMQ handshake",
	"closed":        "closed during the ZeroMQ handshake",
	"incompatible":  "what listens there does not speak ZeroMQ, or not this pattern",
	"no answer":     "connected, but no answer",
	"no subscriber": `connected, but nobody subscribes to "weather"`,
}

// situation is who has the port that a promise names.
type situation struct {
	name     string
	told     []string // of faults: which of them it may be
	endpoint map[string]string
	topic    string
}

// allPatterns are those of a promise, and the pair that waits for its receipt.
var allPatterns = []string{"request", "async_request", "publish", "push", "pair", "pair with receipt"}

// TestToldApart lets promises of every pattern meet every sort of peer that
// takes no message: each ends in time, in one line that says which it was.
func TestToldApart(t *testing.T) {
	h := newHub(t, "request", "publish", "push", "pair")
	work, _ := h.newNode(t, "node of all")
	h.start(t)
	var all sync.WaitGroup
	for _, s := range situations(t, h) {
		for pattern, endpoint := range s.endpoint {
			own := twin(t, work)
			all.Go(func() {
				var err error
				for timeout := 1; timeout < 20; timeout *= 2 { // a busy machine needs longer
					if err = s.promise(own, pattern, endpoint, timeout); err == nil {
						return
					}
				}
				t.Errorf("%s, %s: %v", s.name, pattern, err)
			})
		}
	}
	all.Wait()
}

// situations are all of them but the second peer of a pair.
func situations(t *testing.T, h *hub) []situation {
	one := func(endpoint string) map[string]string {
		at := map[string]string{}
		for _, p := range allPatterns {
			at[p] = endpoint
		}
		return at
	}
	broken := []string{"closed", "incompatible"} // which end notices first is chance
	return []situation{
		{"a name without an address", []string{"unresolvable"}, one("tcp://no-such-host.invalid:5309"), ""},
		{"a port that nobody serves", []string{"refused"}, one("tcp://127.0.0.1:" + ports.Free(t)), ""},
		{"accepts and says nothing", []string{"no handshake"}, one(stranger(t, func(net.Conn) {})), ""},
		{"accepts and closes", []string{"closed"}, one(stranger(t, func(c net.Conn) { c.Close() })), ""},
		{"speaks first, another protocol", broken, one(stranger(t, speaksFirst)), ""},
		{"answers in another protocol", broken, one(stranger(t, answersRubbish)), ""},
		{"another pattern", broken, map[string]string{"request": h.endpoints["push"], "async_request": h.endpoints["publish"],
			"publish": h.endpoints["request"], "push": h.endpoints["pair"], "pair": h.endpoints["push"], "pair with receipt": h.endpoints["request"]}, ""},
		{"takes messages and answers none", []string{"no answer"}, map[string]string{
			"request": mute(t, "request"), "async_request": mute(t, "request"), "pair with receipt": mute(t, "pair")}, ""},
		{"no subscriber", []string{"no subscriber"}, map[string]string{"publish": h.endpoints["publish"]}, "weather"},
	}
}

// bounded is how many of its timeouts a run with one promise may take: there is
// the agent's own time, too.
const bounded = 15

// promise makes the promise and says what is wrong with what is told.
func (s situation) promise(work, pattern, endpoint string, timeout int) error {
	attributes := attributesOf(pattern, endpoint)
	attributes["timeout"] = fmt.Sprint(timeout)
	if s.topic != "" {
		attributes["topic"] = s.topic
	}
	answer, last, took, err := promiseOnce(work, attributes)
	if err != nil {
		return err
	}
	result, lines := notKept, linesOf("log_error", answer)
	if pattern == "async_request" { // it waits in the outbox; the end of the run says why
		result, lines = repaired, linesOf("log_warning", last)
	}
	text := strings.Join(lines, "\n")
	told := slices.DeleteFunc(slices.Sorted(maps.Keys(faults)), func(f string) bool { return !strings.Contains(text, faults[f]) })
	switch {
	case answer.Result != result || len(lines) != 1 || !strings.Contains(text, endpoint+": "):
		return fmt.Errorf("want it %s, with one line that names %s; got %+v, %+v", result, endpoint, answer, last)
	case len(told) != 1 || !slices.Contains(s.told, told[0]):
		return fmt.Errorf("want %q, told is %q: %s", s.told, told, text)
	case took.Seconds() > float64(bounded*timeout):
		return fmt.Errorf("it took %s", took)
	}
	return nil
}

// attributesOf is a promise with a second of time.
func attributesOf(pattern, endpoint string) map[string]string {
	pattern, receipt, _ := strings.Cut(pattern, " ")
	attributes := map[string]string{"schema": "host", "content": `{"uqhost": "x2gvdt0001"}`, "pattern": pattern, "to": endpoint,
		"timeout": "1", "retries": "0", "repeat": "always"}
	if receipt != "" {
		attributes["receipt"] = "true"
	}
	return attributes
}

// linesOf are the log lines of one level.
func linesOf(level string, s said) []string {
	return slices.DeleteFunc(slices.Clone(s.Logs), func(l string) bool { return !strings.HasPrefix(l, level+"=") })
}

// TestSecondPairPeer: while one node has the pair, another one that wants a
// receipt is told so, the first goes on, and after it the other has its turn.
func TestSecondPairPeer(t *testing.T) {
	h := newHub(t, "pair")
	work, _ := h.newNode(t, "node")
	h.start(t)
	attributes := attributesOf("pair with receipt", h.endpoints["pair"])
	attributes["timeout"], attributes["retries"] = "15", "3"
	first, err := converse(work)
	if err != nil {
		t.Fatal(err)
	}
	mustRepair := func(s said, err error) {
		t.Helper()
		if err != nil || s.Result != repaired {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if err := first.greet(); err != nil {
		t.Fatal(err)
	}
	mustRepair(first.evaluate("first", attributes))
	second := twin(t, work)
	for timeout := 1; ; timeout *= 2 { // a busy machine needs longer
		attributes := attributesOf("pair with receipt", h.endpoints["pair"])
		attributes["timeout"] = fmt.Sprint(timeout)
		answer, _, took, err := promiseOnce(second, attributes)
		if err == nil && answer.Result == notKept && strings.Contains(answer.text(), "another peer may hold this pair, which serves one at a time") && took.Seconds() < float64(bounded*timeout) {
			break
		}
		if timeout > 10 {
			t.Fatalf("the second was told %+v, %v after %s", answer, err, took)
		}
	}
	mustRepair(first.evaluate("first", attributes))
	_, err = first.terminate()
	if err := first.end(); err != nil {
		t.Error(err)
	}
	answer, _, _, again := promiseOnce(second, attributes)
	mustRepair(answer, again)
	if err != nil {
		t.Error(err)
	}
}
