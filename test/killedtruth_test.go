package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/truth"
)

// truthKills is how often the listener is killed while the truth is written; SOAK
// asks for more.
func truthKills() int64 {
	if os.Getenv("SOAK") != "" {
		return 200
	}
	return 10
}

// keepShort is how long hosts' messages are kept.
const keepShort = "feeds:\n  host: {from: trusted, reply: host_context, keep: 1s}\n  domain: {from: trusted}\n"

// TestKilledTruth kills a listener again and again while nodes speak, what is old
// leaves, and the truth is made anew beside it by a rebuild that is killed as well.
// Whatever was acknowledged is then in the queue or left it whole, all is counted
// once, and the truth is what a rebuild makes of the queue.
func TestKilledTruth(t *testing.T) {
	h := newHub(t, "request")
	config, err := os.ReadFile(h.config)
	must(t, err)
	must(t, os.WriteFile(h.config, []byte(strings.Replace(string(config), "feeds:\n  host: {from: trusted}\n", keepShort, 1)), 0o600))
	var said [2]atomic.Uint64 // by schema: hosts', domains'
	load := startLoad(t, h.dir+"/hub/ppkeys", h.endpoints["request"], func() words {
		if n := said[0].Load() + said[1].Load(); n%2 == 0 {
			seq := said[0].Add(1)
			return words{"host", fmt.Sprintf(`{"uqhost":"h%d"}`, seq), seq}
		}
		seq := said[1].Add(1)
		return words{"domain", fmt.Sprintf(`{"domain":"d%d","description":"%d"}`, seq%7, seq), seq}
	})
	h.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	killer, rebuilder := make(chan error, 1), make(chan error, 1)
	go func() { killer <- h.killAgain(ctx) }()
	go func() { rebuilder <- h.rebuildAgain(ctx) }()
	for h.kills.Load() < truthKills() {
		select {
		case err := <-killer:
			t.Fatal("no more is killed: ", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	must(t, errors.Join(<-killer, <-rebuilder))
	h.start(t)
	load.finish()
	awaitKept(t, h)
	h.stop(t)
	t.Logf("%d kills, %d messages acknowledged, %d of them as duplicates", h.kills.Load(), len(load.acknowledged), load.duplicates)
	h.allThere(t, load.acknowledged)
	h.allCounted(t, said[0].Load()+said[1].Load())
	h.sameAnew(t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rebuildAgain makes the truth anew again and again until ctx ends. Every other time
// it is killed, and some of the others find a listener that is killed.
func (h *hub) rebuildAgain(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		rebuild := exec.Command(h.bin+"/cf-messaged", "rebuild", "--config", h.config)
		var told strings.Builder
		rebuild.Stdout, rebuild.Stderr = &told, &told
		if err := rebuild.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- rebuild.Wait() }()
		killed := n%2 == 0
		if killed {
			pause(ctx, time.Duration(n%10)*20*time.Millisecond)
			_ = rebuild.Process.Kill()
		}
		if err := <-ended; err != nil && !killed {
			return fmt.Errorf("rebuild: %w: %s", err, &told)
		}
		pause(ctx, 200*time.Millisecond) // what is old leaves meanwhile
	}
	return nil
}

// awaitKept waits until all of the hosts has left that is not true, but for the
// newest message of all, which stays whatever it says: see truth.Prune.
func awaitKept(t *testing.T, h *hub) {
	t.Helper()
	const untrue = `SELECT 1 FROM _history WHERE schema = 'host' AND position < (SELECT position FROM _meta)
		AND position NOT IN (SELECT position FROM _latest)`
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if h.applied(t) && len(h.rows(t, untrue)) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(h.fault("hosts' messages stay"))
		}
	}
}

// applied tells whether the truth has all that is stored.
func (h *hub) applied(t *testing.T) bool {
	t.Helper()
	return h.rows(t, "SELECT position FROM _meta")[0] == fmt.Sprint(h.counts(t).Last)
}

func (h *hub) counts(t *testing.T) queue.Counts {
	t.Helper()
	r, err := queue.OpenReader(h.state)
	must(t, err)
	defer r.Close()
	c, err := r.Counts(t.Context())
	must(t, err)
	return c
}

// allThere looks for each acknowledged message.
func (h *hub) allThere(t *testing.T, acknowledged map[string]bool) {
	t.Helper()
	r, err := queue.OpenReader(h.state)
	must(t, err)
	defer r.Close()
	lost, twice, left := 0, 0, 0
	for id := range acknowledged {
		stored, err := r.Messages(t.Context(), queue.Filter{MessageID: id})
		must(t, err)
		gone, err := r.Remembered(t.Context(), id)
		must(t, err)
		left += len(gone)
		switch n := len(stored) + len(gone); {
		case n == 0:
			lost++
		case n > 1:
			twice++
		}
	}
	if c := h.counts(t); lost > 0 || twice > 0 || c.Last != int64(len(acknowledged)) || c.Pruned != int64(left) || left == 0 {
		t.Errorf("of %d acknowledged messages %d are lost, %d are there twice, %d left; the queue says %+v", len(acknowledged), lost, twice, left, c)
	}
}

// allCounted holds what the truth counted against the numbers that were said.
func (h *hub) allCounted(t *testing.T, said uint64) {
	t.Helper()
	all, err := h.hosts()
	must(t, err)
	for _, k := range all {
		if uint64(k.Messages) != said || k.Gaps != 0 || len(all) != 1 {
			t.Errorf("%d messages were said, %+v is known", said, all)
		}
	}
}

// sameAnew makes the truth anew, and compares all that it holds.
func (h *hub) sameAnew(t *testing.T) {
	t.Helper()
	registry, err := schemas.NewRegistry()
	must(t, err)
	tables := []string{"_meta", "_latest", "_history", "_unique", "_senders", "_skipped",
		"(SELECT schema, entity, sender, version, content FROM main._facts)", "(SELECT schema, entity, position FROM main._facts JOIN main._messages USING (id))"}
	was := map[string][]string{}
	for _, table := range tables {
		was[table] = slices.Sorted(slices.Values(h.rows(t, "SELECT * FROM "+table)))
	}
	must(t, truth.Rebuild(t.Context(), h.state, truth.Options{Schemas: registry}, nil))
	for _, table := range tables {
		if is := slices.Sorted(slices.Values(h.rows(t, "SELECT * FROM "+table))); !slices.Equal(is, was[table]) {
			t.Errorf("%s made anew has %d rows, it had %d:\n%.500q\n%.500q", table, len(is), len(was[table]), is, was[table])
		}
	}
	if len(was["_history"]) == 0 || len(was["_skipped"]) > 0 {
		t.Errorf("%d rows of history, skipped %q", len(was["_history"]), was["_skipped"])
	}
}

// rows are what a question to the truth gives, in order.
func (h *hub) rows(t *testing.T, question string) (all []string) {
	t.Helper()
	conn, err := truth.ConnectAsOf(t.Context(), h.state, time.Now().Add(24*time.Hour)) // which shows history as well
	must(t, err)
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), question)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		must(t, rows.Scan(into...))
		all = append(all, strings.TrimSuffix(fmt.Sprintln(row...), "\n"))
	}
	must(t, rows.Err())
	slices.Sort(all)
	return all
}
