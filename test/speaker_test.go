package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// speaker is a node that makes promises by one pattern, and remembers each of
// them and what it was told.
type speaker struct {
	name, work string
	digest     hostkey.Digest
	attributes map[string]string
	receipted  bool // repaired says more than handed over

	promises map[string]*promised // by message id
	open     []string             // receipted: to be promised again, as an agent does
	counter  uint64               // the node's, when last looked at
	usual    time.Duration        // of a run that nobody cuts short

	patience time.Duration // of a promise, for one attempt
	filler   int           // bytes that make messages large

	runs, kills int
	torn        int // files that were being written when the module was killed
}

// promised is one message and what became of it.
type promised struct {
	result string // of the last time it was promised; "" when the module was gone before it said
	taken  uint64 // numbers of the node's counter
}

// Results of a promise.
const (
	kept     = "kept"
	repaired = "repaired"
	notKept  = "not_kept"
)

// done tells whether the node was told that the listener, or its outbox, has
// the message.
func (p promised) done() bool { return p.result == kept || p.result == repaired }

// newSpeaker makes a node that sends to one socket of the hub. The name of a
// speaker is that of the socket; async_request goes to the one of request.
func newSpeaker(t *testing.T, h *hub, name string) *speaker {
	t.Helper()
	pattern, receipt, _ := strings.Cut(name, " ")
	socket := strings.TrimPrefix(name, "async_")
	s := &speaker{name: name, promises: map[string]*promised{}, usual: 50 * time.Millisecond,
		attributes: map[string]string{"schema": "host", "pattern": pattern, "to": h.endpoints[socket], "repeat": "always"}}
	s.receipted = strings.HasSuffix(pattern, "request") || receipt != ""
	if receipt != "" {
		s.attributes["receipt"] = "true"
	}
	s.work, s.digest = h.newNode(t, name)
	return s
}

// run is one run of the agent: count promises. cut ends it early, now and then
// too late; nil leaves it alone.
func (s *speaker) run(count int, cut func(*conversation)) error {
	began := time.Now()
	c, err := converse(s.work)
	if err != nil {
		return err
	}
	s.runs++
	if cut != nil {
		defer time.AfterFunc(rand.N(s.usual), func() { cut(c) }).Stop()
	}
	var last *promised
	err = c.greet()
	for range count {
		if err == nil {
			last, err = s.promise(c)
		}
	}
	if err == nil {
		_, err = c.terminate()
	}
	err = errors.Join(err, c.end())
	if c.cut.Load() && c.faults.Len() == 0 {
		err = nil // what it wanted to say, it could not
	}
	switch {
	case c.killed():
		s.kills++
	case cut == nil:
		s.usual = time.Since(began)
	}
	return errors.Join(err, s.account(last))
}

// promise promises one message: the first of those that are open, or a new
// one. An error means that the module is gone.
func (s *speaker) promise(c *conversation) (*promised, error) {
	if len(s.open) == 0 {
		id := fmt.Sprintf("%s-%06d", strings.ReplaceAll(s.name, " ", "-"), len(s.promises)+1)
		s.open = append(s.open, id)
		s.promises[id] = &promised{}
	}
	id := s.open[0]
	p := s.promises[id]
	attributes := maps.Clone(s.attributes)
	attributes["message_id"] = id
	attributes["timeout"] = strconv.Itoa(int(s.patience.Seconds()))
	attributes["retries"] = strconv.Itoa(rand.N(3))
	attributes["content"] = fmt.Sprintf(`{"uqhost": "%s", "site": {"filler": "%s"}}`, id, strings.Repeat("x", s.filler))
	if !s.receipted {
		s.open = s.open[1:]
	}
	p.result = ""
	answer, err := c.evaluate("message", attributes)
	if err != nil {
		return p, err
	}
	p.result = answer.Result
	if s.receipted && p.done() {
		s.open = s.open[1:]
	}
	before := p.taken
	err = s.account(p)
	if err == nil && p.result == repaired && p.taken != before+1 {
		err = fmt.Errorf("message %s took %d numbers", id, p.taken-before)
	}
	return p, err
}

// account puts the numbers that the node has taken since the last look down to
// a promise.
func (s *speaker) account(p *promised) error {
	now, err := s.numbered()
	if err != nil {
		return err
	}
	if p != nil {
		p.taken += now - s.counter
	}
	s.counter = now
	return nil
}

// numbered reads the node's counter: seq.json, unless a lease is open that ends
// where it says.
func (s *speaker) numbered() (uint64, error) {
	var ends map[string]uint64
	if err := s.readJSON("seq.json", 0, &ends); err != nil {
		return 0, err
	}
	var now struct {
		Counters map[string]struct {
			Last uint64
			Ends []uint64
		}
	}
	const checksum = 9
	if err := s.readJSON("seq.now", checksum, &now); err != nil {
		return 0, err
	}
	if lease := now.Counters["host"]; slices.Contains(lease.Ends, ends["host"]) {
		return lease.Last, nil
	}
	return ends["host"], nil
}

// readJSON reads a file of the state from a byte on; it need not be there.
func (s *speaker) readJSON(name string, from int, into any) error {
	data, err := os.ReadFile(filepath.Join(s.state(), name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) <= from {
		return nil
	}
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(data[from:])).Decode(into) // what follows is left of a longer one
}

// taken is the sum of what account has put down.
func (s *speaker) taken() (sum uint64) {
	for _, p := range s.promises {
		sum += p.taken
	}
	return sum
}

// outbox lists what lies in it.
func (s *speaker) outbox() []string {
	entries, _ := os.ReadDir(s.state() + "/outbox") // where there is none, there is nothing
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// age makes what killed modules were writing look old, so that the next run
// clears it away.
func (s *speaker) age() error {
	torn, err := filepath.Glob(s.state() + "/*/.*")
	more, again := filepath.Glob(s.state() + "/.*")
	err = errors.Join(err, again)
	for _, file := range append(torn, more...) {
		err = errors.Join(err, os.Chtimes(file, time.Time{}, time.Now().Add(-24*time.Hour)))
	}
	s.torn += len(torn) + len(more)
	return err
}

func (s *speaker) state() string { return s.work + "/state/messages" }
