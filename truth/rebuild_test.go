package truth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// model is the truth, told as simply as can be: all that was said, by entity.
type model map[key][]modelled

type modelled struct {
	queue.Message
	content  string
	from     time.Time
	byNumber bool
}

func (m modelled) compare(n modelled) int {
	tie := m.ReceivedAt.Compare(n.ReceivedAt)
	if m.byNumber {
		tie = cmp.Compare(m.Seq, n.Seq)
	}
	return cmp.Or(m.from.Compare(n.from), tie, cmp.Compare(m.Position, n.Position))
}

// random makes messages of several schemas about few entities, late, repeated,
// unsigned, and some that nobody can read.
func (s *state) random(r *rand.Rand, n int, m model) []queue.Message {
	all := make([]queue.Message, n)
	for i := range all {
		sender := fmt.Sprintf("SHA=%02d", r.IntN(50))
		domain := fmt.Sprintf("d%d", r.IntN(8))
		iat, seq := noon.Unix()+int64(s.n/10)-r.Int64N(20), uint64(max(1, s.n/50-r.IntN(3)))
		var entity, schema, content string
		version := "1.0"
		switch r.IntN(10) {
		default:
			schema, entity = "alpha", sender
			version = []string{"1.0", "1.1"}[r.IntN(2)]
			content = fmt.Sprintf(`{"name": "n%d", "serial": [%d.0], "n":%d}`, r.IntN(40), r.IntN(40), r.IntN(4))
		case 0:
			schema, entity, content = "place", domain, fmt.Sprintf(`{"domain":"%s","v":%d}`, domain, r.IntN(3))
		case 1:
			level := r.IntN(3)
			schema, entity, content = "job", fmt.Sprintf(`["%s",%d]`, domain, level), fmt.Sprintf(`{"level":%d,"domain":"%s"}`, level, domain)
		case 2:
			schema, sender, entity, iat, seq, content = "alpha", "", "unsigned:192.0.2.7", 0, 0, `{"name":""}`
		case 3:
			schema, content = "gone", `{}`
		}
		all[i] = s.said(sender, schema, content, iat, seq)
		all[i].Version = version
		all[i] = framed(all[i], content)
		said := modelled{Message: all[i], content: content, from: time.Unix(iat, 0), byNumber: schema == "alpha" && sender != ""}
		said.Position = int64(s.n)
		if sender == "" {
			said.from = said.ReceivedAt
		}
		if schema != "gone" {
			m[key{schema, entity}] = append(m[key{schema, entity}], said)
		}
	}
	return all
}

// check compares the truth with the model.
func (s *state) check(m model) {
	s.Helper()
	r := s.reader()
	for k, said := range m {
		slices.SortFunc(said, modelled.compare)
		history, err := r.History(s.Context(), k.schema, k.name)
		must(s, err)
		if len(history) != len(said) {
			s.Fatalf("%v: %d messages in the history, want %d", k, len(history), len(said))
		}
		for i, want := range said {
			got := history[i]
			if got.MessageID != want.MessageID || string(got.Content) != want.content || got.Version != want.Version ||
				got.Sender != want.Sender || !got.From.Equal(want.from) || got.Position != want.Position {
				s.Fatalf("%v, %d of %d: %+v, want %+v", k, i, len(said), got, want)
			}
		}
		latest, err := r.Latest(s.Context(), k.schema, k.name)
		if newest := said[len(said)-1]; err != nil || latest.MessageID != newest.MessageID {
			s.Fatalf("%v: %+v, %v, want %s", k, latest, err, newest.MessageID)
		}
	}
	must(s, r.Close())
}

func messagesInTest() int {
	if os.Getenv("SOAK") != "" {
		return 100_000
	}
	return 10_000
}

// However the messages came in batches, the truth is what they say, and what a
// rebuild makes of them.
func TestRebuildIsTheSame(t *testing.T) {
	s := newState(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := model{}
	for s.n < messagesInTest() {
		truth := s.open()
		for range r.IntN(10) {
			s.put(s.random(r, 1+r.IntN(300), m)...)
			truth.Wake()
			if r.IntN(2) == 0 {
				s.await(truth, int64(s.n))
			}
		}
		must(t, truth.Close())
	}
	s.apply()
	s.check(m)
	incremental := s.dump()

	var done, total int64
	must(t, Rebuild(t.Context(), s.folder, Options{Schemas: s.registry}, func(d, all int64) { done, total = d, all }))
	if done != int64(s.n) || total != int64(s.n) {
		t.Errorf("progress ended with %d of %d, want %d", done, total, s.n)
	}
	s.same("rebuilt", s.dump(), incremental)
	s.check(m)
	must(t, Rebuild(t.Context(), s.folder, Options{Schemas: s.registry, Batch: 7}, nil))
	s.same("rebuilt in pieces", s.dump(), incremental)
	must(t, os.Remove(filepath.Join(s.folder, fileName)))
	s.apply()
	s.same("deleted", s.dump(), incremental)
}

// A rebuild that is cut off leaves the old truth and nothing else.
func TestRebuildCutOff(t *testing.T) {
	s := newState(t)
	for i := range 50 {
		s.put(s.said("SHA=1", "alpha", fmt.Sprintf(`{"n":%d}`, i), int64(i), uint64(i)))
	}
	s.apply()
	was := s.dump()
	ctx, cancel := context.WithCancel(t.Context())
	err := Rebuild(ctx, s.folder, Options{Schemas: s.registry, Batch: 10}, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cut off: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.folder, "*.new*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	s.same("cut off", s.dump(), was)
	must(t, Rebuild(t.Context(), s.folder, Options{Schemas: s.registry, Batch: 10}, nil))
	s.same("rebuilt", s.dump(), was)
}
