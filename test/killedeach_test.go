package test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killRounds is how many runs of the agent there are; SOAK asks for more.
func killRounds() int {
	if os.Getenv("SOAK") != "" {
		return 500
	}
	return 20
}

// TestAgentModuleAndListenerKilled kills agent, module and listener at random
// moments of runs of the real agent, and keeps an account of what each promise
// said. At no moment, and not in the end, is anything lost that was said to be
// repaired, or to wait; nothing is stored twice; and what leaves the outbox
// unsent is told.
func TestAgentModuleAndListenerKilled(t *testing.T) {
	h := newHub(t, "request")
	a := newTeller(t, h, h.endpoints["request"])
	a.usual["timeout"] = "1" // so that some are too late
	mustWriteFile(t, a.work+"/modules/promises/messages.json", `{"outbox_messages": 12}`)
	h.start(t)
	k := &account{said: map[string]string{}}
	for n := range killRounds() {
		if n%2 == 0 {
			k.revive(t, h)
		}
		if err := k.round(t, h, a, n); err != nil {
			t.Fatal(err)
		}
		k.check(t, h, a)
	}
	k.revive(t, h)
	k.settle(t, a)
	k.check(t, h, a)
	h.stop(t)
	t.Logf("%d runs; killed: the agent %d times, the module %d times, the listener %d times; said: %s",
		killRounds(), k.agents, k.modules, h.kills.Load(), k.counts())
}

// account is what a node was told of each message, by its id.
type account struct {
	said            map[string]string
	dropped         map[string]bool
	agents, modules int
	dead            bool          // the listener is
	usual           time.Duration // of a run that nobody cuts short
}

// What is said of a message, in the agent's words.
const (
	saidSent    = "info: Message %s sent to"
	saidOnWay   = "info: Message %s on its way"
	saidWaits   = "error: Message %s not delivered"
	saidNothing = "nothing"
)

// round is one run of the agent, with three messages, in which somebody may be
// killed.
func (k *account) round(t *testing.T, h *hub, a *teller, n int) error {
	says := tale{}
	for i := range 3 {
		id := fmt.Sprintf("r%03d-%d", n, i)
		says[id] = map[string]string{"repeat": []string{"always", "changed"}[rand.N(2)], "pattern": []string{"request", "async_request"}[rand.N(2)]}
	}
	if err := a.write(says); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	run := a.command(ctx)
	run.Stdout, run.Stderr = &out, &out
	began := time.Now()
	if err := run.Start(); err != nil {
		return err
	}
	victim := rand.N(4)
	k.usual = max(k.usual, 100*time.Millisecond)
	if victim > 0 {
		time.Sleep(rand.N(k.usual)) // any moment will do
		if err := k.kill(h, a, run, victim); err != nil {
			return err
		}
	}
	_ = run.Wait() // killed or not
	if victim == 1 {
		clearAgentLock(a)
	}
	if victim == 0 {
		k.usual = time.Since(began)
	}
	if ctx.Err() != nil || strings.Contains(out.String(), "CRITICAL") {
		return fmt.Errorf("%v, victim %d:\n%s", ctx.Err(), victim, out.String())
	}
	k.hear(says, out.String())
	return nil
}

// kill kills one of the three, where it is there.
func (k *account) kill(h *hub, a *teller, run *exec.Cmd, victim int) error {
	switch victim {
	case 1:
		_ = run.Process.Kill()
		k.agents++
	case 2:
		all := a.modules()
		for began := time.Now(); len(all) == 0 && time.Since(began) < k.usual; all = a.modules() {
			time.Sleep(rand.N(10 * time.Millisecond)) // the agent has not started it, or is done
		}
		for _, p := range all {
			_ = p.Kill()
			k.modules++
		}
	case 3:
		if !k.dead {
			k.dead = true
			return h.kill()
		}
	}
	return nil
}

// clearAgentLock takes away what a killed cf-agent may leave: the next one waits
// up to a minute for the critical section of its locks (CFEngine's locks.c,
// WaitForCriticalSection).
func clearAgentLock(a *teller) {
	for _, name := range []string{"cf_lock.lmdb", "cf_lock.lmdb-lock"} {
		_ = os.Remove(filepath.Join(a.work, "state", name)) // there may be none
	}
}

// revive starts the listener, where it was killed.
func (k *account) revive(t *testing.T, h *hub) {
	t.Helper()
	if k.dead {
		h.start(t)
		k.dead = false
	}
}

// hear notes what was said of each message.
func (k *account) hear(says tale, out string) {
	for id := range says {
		k.said[id] = saidNothing
		for _, words := range []string{saidSent, saidOnWay, saidWaits} {
			if strings.Contains(out, fmt.Sprintf(words, id)) {
				k.said[id] = words
			}
		}
	}
}

// check holds what was said against what is there. The outbox is looked at
// first: what leaves it meanwhile is stored then.
func (k *account) check(t *testing.T, h *hub, a *teller) {
	t.Helper()
	waits, dropped, err := a.waiting()
	if err != nil {
		t.Fatal(err)
	}
	if k.dropped == nil {
		k.dropped = map[string]bool{}
	}
	maps.Copy(k.dropped, dropped)
	stored := h.storedIDs(t)
	for id, words := range k.said {
		switch n := stored[id]; {
		case n > 1:
			t.Errorf("message %s is stored %d times", id, n)
		case n == 0 && words == saidSent:
			t.Errorf("message %s was said to be sent, and is not stored", id)
		case n == 0 && words != saidNothing && !waits[id] && !k.dropped[id]:
			t.Errorf("it was said %q of message %s, which is neither stored nor waiting nor dropped", words, id)
		}
	}
}

// settle has what waits sent. One run may find that the listener was away, and
// waits for its own moment.
func (k *account) settle(t *testing.T, a *teller) {
	t.Helper()
	for n := range 20 {
		id := fmt.Sprintf("settled-%d", n)
		out := a.tell(t, tale{id: nil})
		k.hear(tale{id: nil}, out)
		waits, _, err := a.waiting()
		if err != nil {
			t.Fatal(err)
		}
		if len(waits) == 0 {
			return
		}
	}
	t.Errorf("after 20 runs messages wait")
}

// counts tells how often what was said.
func (k *account) counts() string {
	n := map[string]int{}
	for _, words := range k.said {
		n[words]++
	}
	return fmt.Sprintf("%d sent, %d on their way, %d not delivered, %d nothing; %d were dropped",
		n[saidSent], n[saidOnWay], n[saidWaits], n[saidNothing], len(k.dropped))
}

func mustWriteFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
