package handler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/queue"
)

// sh makes an Exec of a shell script, whose $0 is arg.
func sh(tb testing.TB, timeout time.Duration, log *logged, script, arg string) *Exec {
	tb.Helper()
	e, err := NewExec([]string{"/bin/sh", "-c", script, arg}, timeout, log.logger())
	if err != nil {
		tb.Fatal(err)
	}
	e.grace = 200 * time.Millisecond
	return e
}

func readFile(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// The program gets the container, and about its sender what is proved.
func TestExecGives(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("SECRET", "of the listener")
	e := sh(t, 0, &logged{}, `{ cat; echo; pwd; env -u PWD -u SHLVL -u _ | sort; } >"$0"`, out)
	m := stored("id1")
	if err := e.Handle(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	want := container("id1") + `
/
LANG=C.UTF-8
MESSAGES_MESSAGE_ID=id1
MESSAGES_PATTERN=request
MESSAGES_RECEIVED_AT=2026-11-20T12:00:00.123456Z
MESSAGES_SCHEMA=host
MESSAGES_SENDER=SHA=ab
MESSAGES_VERSION=1.0
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
`
	if got := strings.ReplaceAll(readFile(t, out), "OLDPWD=/\n", ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Arguments are arguments: no shell sees them.
func TestExecHasNoShell(t *testing.T) {
	var log logged
	e, err := NewExec([]string{"/bin/echo", "$(id)", "a b", ";", "*"}, 0, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Handle(t.Context(), stored("a")); err != nil || !strings.Contains(log.String(), `line="$(id) a b ; *"`) {
		t.Error(err, log.String())
	}
	if e.Name() != `exec /bin/echo $(id) "a b" ; *` {
		t.Error(e.Name())
	}
}

// What a program says is logged by lines, and the last one says why it failed.
func TestExecOutput(t *testing.T) {
	var log logged
	e := sh(t, 0, &log, `echo one; echo; printf 'two\033[2J'; echo wrong >&2; printf 'very\twrong\n' >&2; exit 3`, "")
	err := e.Handle(t.Context(), stored("id1"))
	if err == nil || err.Error() != "exec: /bin/sh: exit status 3: very wrong" || IsPermanent(err) {
		t.Error(err)
	}
	for _, want := range []string{
		"level=INFO msg=\"program says\"", "message_id=id1 stream=stdout line=one\n", "stream=stdout line=\"two [2J\"\n",
		"level=WARN", "stream=stderr line=wrong\n", "stream=stderr line=\"very wrong\"\n",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
}

// Output without end is read without end, and little of it kept.
func TestExecBoundsOutput(t *testing.T) {
	var log logged
	e := sh(t, 0, &log, `head -c 3000000 /dev/zero | tr '\0' 'x' >&2; echo >&2; echo the end >&2; exit 1`, "")
	err := e.Handle(t.Context(), stored("a"))
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 1: the end") {
		t.Error(err)
	}
	if size := len(log.String()); size > 4*textLimit || !strings.Contains(log.String(), "bytes=2983625") {
		t.Errorf("%d bytes of log: %.3000s", size, log.String())
	}
}

// A program need not read its stdin.
func TestExecMayIgnoreStdin(t *testing.T) {
	m := queue.Message{Frame: []byte("{" + strings.Repeat(" ", 1<<20))}
	for _, script := range []string{"exit 0", "head -c 1 >/dev/null", "exec <&-; sleep 0.1"} {
		if err := sh(t, 0, &logged{}, script, "").Handle(t.Context(), m); err != nil {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// A program that is missing may come: trying again makes sense.
func TestExecMissingProgram(t *testing.T) {
	e, err := NewExec([]string{"/does/not/exist"}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Handle(t.Context(), stored("a"))
	if !errors.Is(err, os.ErrNotExist) || IsPermanent(err) {
		t.Error(err)
	}
	if err := e.Handle(t.Context(), queue.Message{Frame: []byte("?")}); !IsPermanent(err) {
		t.Error(err)
	}
}

func TestNewExecRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {}, {""}, {"on-host"}, {"/bin/sh", "a\x00b"}} {
		if _, err := NewExec(args, 0, nil); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// stubborn is a script that with its two children does not heed SIGTERM.
const stubborn = `trap '' TERM
sleep 600 & echo $! >>"$0"
(sleep 600 & echo $! >>"$0"; wait) & echo $! >>"$0"
echo $$ >>"$0"
echo ready >>"$0"
wait; wait; wait`

// inTime tries a program with a time limit, and with longer ones until it has said
// that it is ready before that: a busy machine needs longer.
func inTime(t *testing.T, limit time.Duration, said string, try func(limit time.Duration)) {
	t.Helper()
	for {
		if err := os.WriteFile(said, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		try(limit)
		if strings.Contains(readFile(t, said), "ready") {
			return
		}
		if limit *= 2; limit > time.Minute {
			t.Fatal("it is never ready")
		}
	}
}

// At the time limit the program goes with all it has started, heeding or not.
func TestExecTimeLimit(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	inTime(t, 500*time.Millisecond, pids, func(limit time.Duration) {
		e := sh(t, limit, &logged{}, stubborn, pids)
		began := time.Now()
		err := e.Handle(t.Context(), stored("a"))
		if err == nil || err.Error() != "exec: /bin/sh: it ran longer than "+limit.String() {
			t.Error(err)
		}
		if took := time.Since(began); took < limit+e.grace/2 || took > time.Minute { // they sleep longer
			t.Errorf("it took %s", took)
		}
	})
	checkGone(t, pids, 4)
}

// One that heeds SIGTERM may clean up, and its children go with it.
func TestExecSIGTERMFirst(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	inTime(t, 300*time.Millisecond, pids, func(limit time.Duration) {
		e := sh(t, limit, &logged{}, `
			trap 'echo clean >&2; exit 1' TERM
			(trap '' TERM; sleep 600 >/dev/null 2>&1 & echo $! >>"$0")
			sleep 600 >/dev/null 2>&1 & echo $! >>"$0"
			echo ready >>"$0"
			wait`, pids)
		e.grace = 5 * time.Minute
		began := time.Now()
		err := e.Handle(t.Context(), stored("a"))
		took := time.Since(began)
		if strings.Contains(readFile(t, pids), "ready") && (err == nil || !strings.HasSuffix(err.Error(), "it ran longer than "+limit.String()+": clean") || took > 4*time.Minute) {
			t.Error(err, took)
		}
	})
	checkGone(t, pids, 2)
}

// A child left in the background that holds the output does not hold us, and lives.
func TestExecLeavesTheBackground(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	e := sh(t, 0, &logged{}, `sleep 60 & echo $! >"$0"; echo done`, pids)
	began := time.Now()
	if err := e.Handle(t.Context(), stored("a")); err != nil || time.Since(began) > 50*time.Second { // it lives for 60
		t.Error(err, time.Since(began))
	}
	var pid int
	if _, err := fmt.Sscan(readFile(t, pids), &pid); err != nil || !alive(pid) {
		t.Fatal("the background child is gone", err)
	}
	child, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	child.Kill()
}

// Close cuts off the program under way when its time is over; the next start
// runs it again.
func TestCloseWhileExecRuns(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	pids := filepath.Join(t.TempDir(), "pids")
	r := mustStart(t, sh(t, 0, &logged{}, stubborn, pids), options(t, q, state))
	putIDs(t, q, "a", "b")
	r.Wake()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(pids); strings.Contains(string(text), "ready") {
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil || !strings.Contains(err.Error(), "position 1") {
		t.Error(err)
	}
	checkGone(t, pids, 4)
	if c, err := ReadCursors(state); err != nil || c[0].Position != 0 || c[0].Tries != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// Close with patience lets the program end, and begins no other.
func TestCloseWaitsForExec(t *testing.T) {
	state := t.TempDir()
	q := mustOpen(t, state)
	out := filepath.Join(t.TempDir(), "out")
	r := mustStart(t, sh(t, 0, &logged{}, `echo began >>"$0"; sleep 0.3; echo ended >>"$0"`, out), options(t, q, state))
	putIDs(t, q, "a", "b")
	r.Wake()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(out); err == nil {
			break
		}
	}
	mustClose(t, r)
	if c, err := ReadCursors(state); err != nil || c[0].Position != 1 || readFile(t, out) != "began\nended\n" {
		t.Errorf("%+v, %v, %q", c, err, readFile(t, out))
	}
}

// checkGone checks that none of the processes in a file of pids lives; it waits a
// moment, for SIGKILL takes one.
func checkGone(t *testing.T, path string, want int) {
	t.Helper()
	n := 0
	for _, word := range strings.Fields(readFile(t, path)) {
		var pid int
		if _, err := fmt.Sscan(word, &pid); err != nil {
			continue
		}
		n++
		for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d still lives", pid)
			}
		}
	}
	if n != want {
		t.Errorf("%d processes, %d expected", n, want)
	}
}

// alive tells whether a process runs; a zombie, which nobody may reap here, does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
