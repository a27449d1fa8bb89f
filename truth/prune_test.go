package truth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// prune is a whole Prune, but for what no handler has seen yet.
func (s *state) prune(t *Truth, schema string, before time.Time, until int64) (removed int64) {
	s.Helper()
	removed, err := t.Prune(s.Context(), Pruning{Schema: schema, Before: before, Until: until, Remove: s.queue.Prune})
	must(s, err)
	return removed
}

// prune removes from the model what may leave.
func (m model) prune(schema string, before time.Time, until int64) (removed int64) {
	for k, said := range m {
		if k.schema != schema {
			continue
		}
		slices.SortFunc(said, modelled.compare)
		var left []modelled
		for i, one := range said {
			if i+1 < len(said) && one.Position <= until && one.ReceivedAt.Before(before) && said[i+1].from.Before(before) {
				removed++
				continue
			}
			left = append(left, one)
		}
		m[k] = left
	}
	return removed
}

// What leaves is what the model says, whatever comes between; what was counted
// stays, the truth is whole as of every later time, and a rebuild makes the same.
func TestPrune(t *testing.T) {
	s := newState(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m, whole := model{}, newState(t) // whole hears the same and prunes nothing
	truth := s.open()
	var pruned int64
	wholeFrom := map[string]time.Time{}
	for range 12 {
		some := s.random(r, 1+r.IntN(400), m)
		s.put(some...)
		whole.put(some...)
		truth.Wake()
		s.await(truth, int64(s.n))
		for _, schema := range []string{"alpha", "place"} {
			before, until := noon.Add(time.Duration(r.IntN(s.n+1))*time.Second), r.Int64N(int64(s.n)+10)
			want := m.prune(schema, before, min(until, int64(s.n)-1))
			if got := s.prune(truth, schema, before, until); got != want {
				t.Fatalf("%d of %s left, want %d", got, schema, want)
			}
			pruned += want
			if want > 0 && before.After(wholeFrom[schema]) {
				wholeFrom[schema] = before
			}
			whole.apply()
			at := wholeFrom[schema].Add(time.Duration(r.IntN(2)*r.IntN(1000)) * time.Second)
			s.same("as of "+at.String(), s.asOf(schema, at), whole.asOf(schema, at))
		}
	}
	must(t, truth.Close())
	s.check(m)
	c := s.counts()
	if c.Pruned != pruned || pruned == 0 {
		t.Errorf("%d left the queue, %d the history", c.Pruned, pruned)
	}
	whole.apply()
	s.same("counters", s.table("_senders"), whole.table("_senders"))
	s.rebuiltIsTheSame()
}

func (s *state) counts() queue.Counts {
	s.Helper()
	r, err := queue.OpenReader(s.folder)
	must(s, err)
	defer r.Close()
	c, err := r.Counts(s.Context())
	must(s, err)
	return c
}

// rebuiltIsTheSame makes the truth anew, with the old one there and without.
func (s *state) rebuiltIsTheSame() {
	s.Helper()
	incremental := s.dump()
	must(s, Rebuild(s.Context(), s.folder, s.options(), nil))
	s.same("rebuilt", s.dump(), incremental)
	must(s, removeFile(s.folder, fileName))
	s.apply()
	s.same("deleted", s.dump(), incremental)
}

// asOf is what is known as of a time.
func (s *state) asOf(schema string, at time.Time) (all []string) {
	s.Helper()
	r, err := OpenReaderAsOf(s.folder, at)
	must(s, err)
	must(s, r.Export(s.Context(), schema, func(v Value) error {
		all = append(all, fmt.Sprintf("%+v", v))
		return nil
	}))
	must(s, r.Close())
	return all
}

// Wherever a Prune is cut off, the next one makes it whole.
func TestPruneCutOff(t *testing.T) {
	s := newState(t)
	for i := range 1000 {
		s.put(s.said("SHA=1", "alpha", `{}`, noon.Unix()+int64(i), uint64(i+1)))
	}
	truth := s.open()
	s.await(truth, 1000)
	full := errors.New("full")
	for _, remove := range []func(context.Context, queue.Pruning) error{
		func(context.Context, queue.Pruning) error { return full },
		func(ctx context.Context, p queue.Pruning) error { return errors.Join(s.queue.Prune(ctx, p), full) },
	} {
		_, err := truth.Prune(t.Context(), Pruning{"alpha", noon.Add(time.Hour), 1000, remove})
		if !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
	}
	if c := s.counts(); c.Pruned != queue.MaxPruning {
		t.Errorf("%d left", c.Pruned)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := truth.Prune(ctx, Pruning{"alpha", noon.Add(time.Hour), 1000, func(ctx context.Context, p queue.Pruning) error {
		defer cancel()
		return s.queue.Prune(ctx, p)
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.prune(truth, "alpha", noon.Add(time.Hour), 1000)
	if c := s.counts(); c.Pruned != 999 || c.Messages != 1 {
		t.Errorf("in the end %+v", c)
	}
	must(t, truth.Close())
	s.rebuiltIsTheSame()
}

// A copy of a truth that is older than what the queue still has is refused: what
// left since would not be counted.
func TestCopyFromBeforeAPruning(t *testing.T) {
	s := newState(t)
	put := func() {
		for range 2 {
			s.put(s.said("SHA=1", "alpha", `{}`, noon.Unix()+int64(s.n), uint64(s.n)))
		}
	}
	put()
	s.apply()
	old, err := os.ReadFile(s.folder + "/" + fileName)
	must(t, err)
	put()
	put()
	truth := s.open()
	s.await(truth, 6)
	s.prune(truth, "alpha", noon.Add(time.Hour), 3)
	must(t, truth.Close())
	must(t, removeFile(s.folder, fileName))
	must(t, os.WriteFile(s.folder+"/"+fileName, old, 0o600))
	if _, err := Open(s.folder, s.options()); err == nil {
		t.Error("opened")
	}
	must(t, Rebuild(t.Context(), s.folder, s.options(), nil))
	s.apply()
	hosts, err := s.reader().Hosts(t.Context(), nil)
	if err != nil || len(hosts) != 1 || hosts[0].Messages != 6 {
		t.Errorf("%+v, %v", hosts, err)
	}
}
