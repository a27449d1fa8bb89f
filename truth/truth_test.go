package truth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// Which of two messages is true does not depend on which came first.
func TestNewestWins(t *testing.T) {
	for _, c := range []struct {
		name           string
		older, newer   func(s *state) queue.Message
		schema, entity string
	}{
		{"by iat",
			func(s *state) queue.Message { return s.said("SHA=1", "alpha", `{"n":1}`, 100, 9) },
			func(s *state) queue.Message { return s.said("SHA=1", "alpha", `{"n":2}`, 101, 1) }, "alpha", "SHA=1"},
		{"by seq in one second",
			func(s *state) queue.Message { return s.said("SHA=1", "alpha", `{"n":1}`, 100, 9) },
			func(s *state) queue.Message { return s.said("SHA=1", "alpha", `{"n":2}`, 100, 10) }, "alpha", "SHA=1"},
		{"site data of two senders, by iat",
			func(s *state) queue.Message { return s.said("SHA=1", "place", `{"domain":"d","v":1}`, 100, 900) },
			func(s *state) queue.Message { return s.said("SHA=2", "place", `{"domain":"d","v":2}`, 101, 1) }, "place", "d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, lateComesOlder := range []bool{false, true} {
				s := newState(t)
				older, newer := c.older(s), c.newer(s)
				if lateComesOlder {
					s.put(newer, older)
				} else {
					s.put(older, newer)
				}
				s.apply()
				r := s.reader()
				latest, err := r.Latest(t.Context(), c.schema, c.entity)
				if err != nil || latest.MessageID != newer.MessageID {
					t.Fatalf("older late %t: %+v, %v", lateComesOlder, latest, err)
				}
				history, err := r.History(t.Context(), c.schema, c.entity)
				if err != nil || len(history) != 2 || history[0].MessageID != older.MessageID ||
					!history[0].Until.Equal(time.Unix(newer.IssuedAt, 0)) || !history[1].Until.IsZero() {
					t.Errorf("history: %+v, %v", history, err)
				}
				for _, m := range []queue.Message{older, newer} {
					want := Superseded
					if m.MessageID == newer.MessageID {
						want = Applied
					}
					stored := history[0]
					if want == Applied {
						stored = history[1]
					}
					if got, _, err := r.State(t.Context(), stored.Position); got != want || err != nil {
						t.Errorf("state of %s: %s, %v", m.MessageID, got, err)
					}
				}
			}
		})
	}
}

// Site data said in the same second, and what nobody signed, go by when they came.
func TestTimeReceivedDecides(t *testing.T) {
	s := newState(t)
	s.put(s.said("SHA=1", "place", `{"domain":"d","v":1}`, 100, 900), s.said("SHA=2", "place", `{"domain":"d","v":2}`, 100, 1),
		s.said("", "alpha", `{"n":1}`, 0, 0), s.said("", "alpha", `{"n":2}`, 0, 0))
	s.apply()
	r := s.reader()
	for entity, want := range map[key]string{{"place", "d"}: "id2", {"alpha", "unsigned:192.0.2.7"}: "id4"} {
		if v, err := r.Latest(t.Context(), entity.schema, entity.name); err != nil || v.MessageID != want {
			t.Errorf("%v: %+v, %v", entity, v, err)
		}
	}
}

// Every value knows where it comes from, and its bytes are those that were sent.
func TestProvenance(t *testing.T) {
	s := newState(t)
	content := `{ "n" : 1.0,` + "\n" + `"name":"\u00e9<\/script>" }`
	m := s.said("SHA=1", "alpha", content, noon.Unix(), 1<<53-1)
	m.Position = s.put(m)
	s.apply()
	got, err := s.reader().Latest(t.Context(), "alpha", "SHA=1")
	if err != nil || string(got.Content) != content || got.Sender != "SHA=1" || got.MessageID != "id1" || got.Version != "1.0" ||
		!got.IssuedAt.Equal(noon) || !got.From.Equal(noon) || got.Seq != 1<<53-1 || !got.ReceivedAt.Equal(m.ReceivedAt) || got.Position != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.reader().Latest(t.Context(), "alpha", "SHA=2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// What is put is applied soon, and WaitFor tells when.
func TestFollows(t *testing.T) {
	s := newState(t)
	truth := s.open()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := truth.WaitFor(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for nothing: %v", err)
	}
	for i := range 5 {
		position := s.put(s.said("SHA=1", "alpha", `{}`, int64(100+i), uint64(i)))
		truth.Wake()
		s.await(truth, position)
		if state, _, err := s.reader().State(t.Context(), position); state != Applied || err != nil {
			t.Errorf("position %d: %s, %v", position, state, err)
		}
	}
	waits := make(chan error)
	go func() { waits <- truth.WaitFor(context.Background(), 100) }()
	must(t, truth.Close())
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	must(t, truth.Close())
}

// A message whose schema is gone is passed over, counted and told; with its
// schema back, a rebuild applies it.
func TestSchemaIsGone(t *testing.T) {
	s := newState(t)
	s.put(s.said("SHA=1", "alpha", `{}`, 100, 1), s.said("SHA=1", "place", `{"domain":"d"}`, 100, 1), s.said("SHA=1", "alpha", `{`, 101, 2))
	all := s.registry
	s.registry = registry(t, "alpha/1.0")
	truth := s.open()
	s.await(truth, 3)
	if got := truth.Status(); got.Skipped != 2 || got.Position != 3 || got.Trouble != "" {
		t.Errorf("%+v", got)
	}
	must(t, truth.Close())
	s.apply()
	r := s.reader()
	if state, reason, err := r.State(t.Context(), 2); state != Skipped || !strings.Contains(reason, "no schema") || !strings.Contains(reason, "rebuild") || err != nil {
		t.Errorf("%s, %s, %v", state, reason, err)
	}
	if hosts, err := r.Hosts(t.Context(), nil); err != nil || hosts[0].Messages != 3 {
		t.Errorf("%+v, %v", hosts, err)
	}
	must(t, r.Close())
	must(t, Rebuild(t.Context(), s.folder, Options{Schemas: all}, nil))
	for position, want := range map[int64]State{1: Applied, 2: Applied, 3: Skipped, 4: Pending} {
		if state, _, err := s.reader().State(t.Context(), position); state != want || err != nil {
			t.Errorf("rebuilt, %d: %s, %v", position, state, err)
		}
	}
}

// A truth that another queue made is not added to.
func TestAnotherQueue(t *testing.T) {
	s := newState(t)
	s.put(s.said("SHA=1", "alpha", `{}`, 100, 1))
	s.apply()
	other := newState(t)
	made, err := os.ReadFile(filepath.Join(s.folder, fileName))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(other.folder, fileName), made, 0o600))
	for _, id := range []string{"empty", "other"} {
		if id == "other" {
			m := other.said("SHA=1", "alpha", `{}`, 100, 1)
			m.MessageID = id
			other.put(framed(m, `{}`))
		}
		_, err = Open(other.folder, Options{Schemas: other.registry})
		if err == nil || !strings.Contains(err.Error(), "another queue") || !strings.Contains(err.Error(), "rebuild") {
			t.Errorf("%s: %v", id, err)
		}
	}
	must(t, Rebuild(t.Context(), other.folder, Options{Schemas: other.registry}, nil))
	other.open()
}

func TestModes(t *testing.T) {
	s := newState(t)
	truth := s.open()
	s.put(s.said("SHA=1", "alpha", `{}`, 100, 1))
	truth.Wake()
	s.await(truth, 1)
	for _, name := range []string{"truth.db", "truth.db-wal", "truth.db-shm", "truth.lock"} {
		info, err := os.Stat(filepath.Join(s.folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "1", "wal_autocheckpoint": "20000"} {
		var got string
		err := truth.writer.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", pragma, got, err)
		}
	}
}

// What holds the truth up is told, and over once it is over.
func TestTrouble(t *testing.T) {
	s := newState(t)
	truth, err := Open(s.folder, Options{Schemas: s.registry, Backoff: time.Millisecond})
	must(t, err)
	defer truth.Close()
	other, err := file.Open(t.Context(), s.folder, "rw")
	must(t, err)
	defer other.Close()
	truth.writing.Lock()
	must(t, truth.writer.conn.Run("PRAGMA busy_timeout = 1"))
	truth.writing.Unlock()
	must(t, other.Run("BEGIN IMMEDIATE"))
	s.put(s.said("SHA=1", "alpha", `{}`, 100, 1))
	truth.Wake()
	for deadline := time.Now().Add(patience); truth.Status().Trouble == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no trouble")
		}
	}
	must(t, other.Run("ROLLBACK"))
	s.await(truth, 1)
}
