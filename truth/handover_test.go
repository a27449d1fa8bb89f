package truth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/schemas"
)

// While messages come and leave, the truth is made anew again and again: it goes
// on where it was, for those too who read it all the time, and nobody hears of a
// change that is none.
func TestRebuildBesideAListener(t *testing.T) {
	s := newState(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := model{}
	o := s.options()
	o.Poll = time.Millisecond
	truth, err := Open(s.folder, o)
	must(t, err)
	if _, err := Open(s.folder, s.options()); !errors.Is(err, ErrLocked) {
		t.Errorf("a second listener: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	beside.Go(func() { s.watch(ctx) })
	var rebuilt atomic.Int64
	left := make(chan struct{}) // for whoever waits: what was to leave did
	beside.Go(func() {
		for ctx.Err() == nil {
			switch err := Rebuild(ctx, s.folder, s.options(), nil); {
			case err == nil:
				rebuilt.Add(1)
			case ctx.Err() == nil:
				t.Error(err)
			}
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
			for range 2 { // the second time all of it was after the rebuild, during which nothing leaves
				select {
				case <-left:
				case <-ctx.Done():
				}
			}
		}
	})
	whole, random := newState(t), rand.New(rand.NewPCG(0, seed)) // whole hears the same, and is left alone
	for rebuilt.Load() < 10 {
		some := s.random(random, 1+random.IntN(50), m)
		s.put(some...)
		whole.put(some...)
		truth.Wake()
		s.await(truth, int64(s.n))
		s.prune(truth, "alpha", noon.Add(time.Duration(s.n)*time.Second/2), int64(s.n))
		select {
		case left <- struct{}{}:
		default:
		}
	}
	cancel()
	beside.Wait()
	for truth.handedOver() {
		time.Sleep(time.Millisecond)
	}
	must(t, truth.Close())
	s.apply()
	whole.apply()
	s.same("counters", s.table("_senders"), whole.table("_senders"))
	s.rebuiltIsTheSame()
	if c := s.counts(); c.Pruned == 0 {
		t.Error("nothing left meanwhile")
	}
}

// watch reads all the time with what it has prepared, and never sees the truth go back.
func (s *state) watch(ctx context.Context) {
	r, err := OpenReader(s.folder)
	must(s, err)
	defer r.Close()
	for last := int64(0); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		now, err := r.Applied(context.Background())
		if err != nil || now < last {
			s.Errorf("after %d comes %d, %v", last, now, err)
		}
		last = now
		if _, err := collect(context.Background(), r, scanText, "SELECT entity, n FROM alpha"); err != nil {
			s.Error(err)
		}
	}
}

// Nothing leaves that a rebuild has not read yet, for it would not be counted.
func TestNothingLeavesDuringARebuild(t *testing.T) {
	s := newState(t)
	for i := range 100 {
		s.put(s.said("SHA=1", "alpha", `{}`, noon.Unix()+int64(i), uint64(i+1)))
	}
	truth := s.open()
	s.await(truth, 100)
	o := s.options()
	o.Batch = 40
	must(t, Rebuild(t.Context(), s.folder, o, func(done, _ int64) {
		if removed := s.prune(truth, "alpha", noon.Add(time.Hour), 100); removed > 0 {
			t.Errorf("%d left after %d were read", removed, done)
		}
	}))
	if removed := s.prune(truth, "alpha", noon.Add(time.Hour), 100); removed != 99 {
		t.Errorf("%d left in the end", removed)
	}
	must(t, truth.Close())
	s.rebuiltIsTheSame()
	if hosts, err := s.reader().Hosts(t.Context(), nil); err != nil || len(hosts) != 1 || hosts[0].Messages != 100 {
		t.Errorf("%+v, %v", hosts, err)
	}
}

// What a schema that was put back makes of old messages is known, and told, though
// the listener never stopped.
func TestRebuildTellsWhatDiffers(t *testing.T) {
	s := newState(t)
	all := s.registry
	s.registry = registry(t, "alpha/1.0", "alpha/1.1")
	s.put(s.said("SHA=1", "place", `{"domain":"d"}`, 1, 1), s.said("SHA=1", "alpha", `{"n":1}`, 1, 1))
	told := make(chan []Change, 10)
	o := s.options()
	o.Changed = func(c []Change) { told <- c }
	truth, err := Open(s.folder, o)
	must(t, err)
	s.await(truth, 2)
	if got := fmt.Sprint(<-told); got != "[{alpha SHA=1 true}]" {
		t.Errorf("at first %s", got)
	}
	must(t, truth.SetSchemas(all))
	s.registry = all
	must(t, Rebuild(t.Context(), s.folder, s.options(), nil))
	if got := fmt.Sprint(<-told); got != "[{place d false}]" {
		t.Errorf("after the rebuild %s", got)
	}
	if st := truth.Status(); st.Skipped != 0 || st.Position != 2 {
		t.Errorf("%+v", st)
	}
	if v, err := s.reader().Latest(t.Context(), "place", "d"); err != nil || v.Position != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	must(t, truth.Close())
}

// Schemas that a listener learns of while it takes a rebuild over have their views
// afterwards.
func TestSchemasDuringATakeOver(t *testing.T) {
	s := newState(t)
	all := s.registry
	s.registry = registry(t, "alpha/1.0")
	s.put(s.said("SHA=1", "alpha", `{"n":1}`, 1, 1))
	must(t, build(t.Context(), s.folder, fresh, s.options().withDefaults(), func(int64, int64) {}))
	must(t, rename(s.folder, fresh.Name, ready.Name))
	position := s.put(s.said("SHA=1", "place", `{"domain":"d"}`, 1, 1)) // passed over, and told, as it is brought up to date
	var truth *Truth
	opened := make(chan struct{})
	o := s.options()
	o.Log = slog.New(onWarning{slog.DiscardHandler, func() {
		<-opened
		must(t, truth.SetSchemas(all))
	}})
	truth, err := Open(s.folder, o)
	must(t, err)
	close(opened)
	s.await(truth, position)
	if _, err := collect(t.Context(), s.reader(), scanText, "SELECT entity, v FROM place"); err != nil {
		t.Error(err)
	}
	must(t, truth.Close())
}

// onWarning calls a function for each warning.
type onWarning struct {
	slog.Handler
	do func()
}

func (onWarning) Enabled(context.Context, slog.Level) bool { return true }

func (h onWarning) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		h.do()
	}
	return nil
}

// What does not fit is put aside, the old truth goes on, and the rebuild says so.
func TestUnfitTruth(t *testing.T) {
	other := newState(t)
	other.put(other.said("SHA=1", "alpha", `{}`, 1, 1), other.said("SHA=2", "alpha", `{}`, 1, 1))
	other.apply()
	text, err := os.ReadFile(filepath.Join(other.folder, fileName))
	must(t, err)
	for name, content := range map[string]string{"another queue's": string(text), "damaged": "no database, " + strings.Repeat("x", 5000)} {
		t.Run(name, func(t *testing.T) {
			s := newState(t)
			position := s.put(s.said("SHA=1", "alpha", `{}`, 1, 1))
			var log strings.Builder
			o := s.options()
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			must(t, os.WriteFile(filepath.Join(s.folder, ready.Name), []byte(content), 0o600))
			truth, err := Open(s.folder, o)
			must(t, err)
			s.await(truth, position)
			must(t, truth.Close())
			if !strings.Contains(log.String(), "does not fit") || truth.handedOver() {
				t.Errorf("handed over %t, log: %s", truth.handedOver(), &log)
			}
			if err := refused(s.folder); err == nil {
				t.Error("not told")
			}
			s.rebuiltIsTheSame()
		})
	}
}

// rebuildUntilKilled is a rebuild in a process of its own, one after the other.
func rebuildUntilKilled(folder, schemasFolder string) error {
	reg, err := schemas.NewRegistry(schemasFolder)
	for err == nil {
		err = Rebuild(context.Background(), folder, Options{Schemas: reg, Batch: 50}, func(done, _ int64) { fmt.Println(done) })
	}
	return err
}

// listenUntilKilled is a listener in a process of its own.
func listenUntilKilled(folder, schemasFolder string) error {
	reg, err := schemas.NewRegistry(schemasFolder)
	if err != nil {
		return err
	}
	t, err := Open(folder, Options{Schemas: reg, Batch: 20, Poll: time.Millisecond})
	for err == nil {
		fmt.Println(t.Status().Position)
		time.Sleep(time.Millisecond)
	}
	return err
}

// Whenever a rebuild or the listener beside it is killed, the truth is what the
// queue makes it.
func TestKilledHandOver(t *testing.T) {
	rounds := 30
	if os.Getenv("SOAK") != "" {
		rounds = 300
	}
	s := newState(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	folder := t.TempDir()
	writeSchemas(t, folder)
	m := model{}
	running := map[string]*exec.Cmd{}
	seen := map[string]bool{}
	for range rounds {
		s.put(s.random(r, 1+r.IntN(60), m)...)
		for _, role := range []string{"listen", "rebuild"} {
			if running[role] == nil {
				running[role] = s.begin(role, folder)
			}
		}
		time.Sleep(time.Duration(r.IntN(40_000)) * time.Microsecond)
		for _, f := range []string{fresh.Name, ready.Name, taken.Name} {
			seen[f] = seen[f] || there(s.folder, f)
		}
		role := []string{"listen", "rebuild"}[r.IntN(2)]
		s.kill(running[role])
		delete(running, role)
	}
	for _, c := range running {
		s.kill(c)
	}
	t.Logf("seen %v", seen)
	s.apply()
	s.check(m)
	s.rebuiltIsTheSame()
	left, err := filepath.Glob(filepath.Join(s.folder, fileName+".*"))
	if err != nil || slices.ContainsFunc(left, func(name string) bool { return strings.HasSuffix(name, unfitName) }) {
		t.Errorf("left are %v, %v", left, err)
	}
}

// begin starts a process of a role, which has said a word when it returns.
func (s *state) begin(role, schemasFolder string) *exec.Cmd {
	s.Helper()
	c := exec.Command(os.Args[0], schemasFolder, role)
	c.Env = append(os.Environ(), crashFolder+"="+s.folder)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	must(s, err)
	must(s, c.Start())
	scanner := bufio.NewScanner(out)
	scanner.Scan()
	go func() {
		for scanner.Scan() {
		}
	}()
	return c
}

func (s *state) kill(c *exec.Cmd) {
	s.Helper()
	c.Process.Kill()
	if err := c.Wait(); err != nil && !killedBySignal(c) {
		s.Error(err)
	}
}
