package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

func TestTheOutboxIsListedAndShown(t *testing.T) {
	m := atWork(t)
	if out, err := byHand(t, "outbox", "list"); err != nil || out != "0 messages wait, 0 were dropped so far\n" {
		t.Errorf("%q, %v", out, err)
	}
	dead := deadEndpoint(t)
	runOnce(t, m, aPromise(map[string]string{"to": quoted(dead), "priority": `"1"`, "message_id": `"m-1"`}))
	runOnce(t, m, aPromise(map[string]string{"to": quoted(dead), "priority": `"1"`}))
	waitingFor(t, m, dead, 2)
	out, err := byHand(t, "outbox", "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"promiser": "host", "schema": "host", "message_id": "m-1", "to": "[" + dead + "]", "priority": "1", "tries": "2", "content": "map[uqhost:www1]"} {
		if got := fmt.Sprint(first[name]); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	for _, name := range []string{"queued_at", "expires_at"} {
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(first[name])); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(fmt.Sprint(first["last_error"]), "refused") || len(first) != 10 {
		t.Errorf("%v", first)
	}
	if out, err := byHand(t, "outbox", "list"); err != nil || !strings.Contains(out, "m-1") || !strings.HasSuffix(out, "3 messages wait, 0 were dropped so far\n") {
		t.Errorf("%q, %v", out, err)
	}
	for _, args := range [][]string{{"outbox", "show", "m-1", "--json"}, {"outbox", "show", "m-1"}} {
		out, err := byHand(t, args...)
		var shown struct{ Frame, Pattern string }
		if err != nil || json.Unmarshal([]byte(out), &shown) != nil || shown.Pattern != "request" || idOf([]byte(shown.Frame)) != "m-1" {
			t.Errorf("%s, %v", out, err)
		}
	}
	_, err = byHand(t, "outbox", "show", "m-2")
	mustFail(t, err, "no message m-2 waits here")
}

func TestRetryByHand(t *testing.T) {
	m := atWork(t)
	endpoint := listen(t, func(frame []byte) []byte {
		r := stored
		if strings.Contains(string(frame), `"h1"`) {
			r = refusedWith(message.Denied)
		}
		return bareReceipt(t, r, idOf(frame))
	})
	all := waitingFor(t, m, endpoint, 4)
	waitingFor(t, m, deadEndpoint(t), 3)
	out, err := byHand(t, "outbox", "retry", all[3].name, "--json")
	if err != nil || out != `{"sent":1,"refused":0,"waiting":0,"dropped":0}`+"\n" {
		t.Errorf("%s, %v", out, err)
	}
	out, err = byHand(t, "outbox", "retry")
	if out != "2 sent, 1 refused, 3 wait, 0 expired\n" {
		t.Error(out)
	}
	mustFail(t, err, "host", "waits on: tcp://", "refused by "+endpoint+": denied: because")
	if out, err := byHand(t, "outbox", "list"); err != nil || !strings.Contains(out, "3 messages wait, 1 were dropped so far\ndropped ") || !strings.Contains(out, ": refused: denied: because") {
		t.Errorf("%s, %v", out, err)
	}
	_, err = byHand(t, "outbox", "retry", all[0].name)
	mustFail(t, err, "no message "+all[0].name)
}

func TestPurgeByHand(t *testing.T) {
	m := atWork(t)
	all := waitingFor(t, m, "tcp://127.0.0.1:1", 5)
	state := m.work.state()
	mustWrite(t, all[0].file(state), []byte("damaged"))
	mustWrite(t, outboxFolder(state)+"/strange", nil)
	if _, err := byHand(t, "outbox", "list"); err == nil || !strings.Contains(err.Error(), "messages outbox purge "+all[0].name) || !strings.Contains(err.Error(), "strange is no message") {
		t.Error(err)
	}
	_, err := byHand(t, "outbox", "show", all[0].name)
	mustFail(t, err, "is damaged")
	held, err := claim(state, all[4])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, out, err string }{
		{all[0].name, "1 messages", ""},
		{all[1].name + " " + all[2].name, "2 messages", ""},
		{"../seq.json", "0 messages", "no message ../seq.json"},
		{all[4].name, "0 messages", "another agent of this host has it"},
		{"--all", "2 messages", "another agent of this host has it"},
	} {
		out, err := byHand(t, append([]string{"outbox", "purge"}, strings.Fields(c.args)...)...)
		if !strings.HasPrefix(out, c.out+" removed") || fmt.Sprint(err) != "<nil>" && c.err == "" || c.err != "" && !strings.Contains(fmt.Sprint(err), c.err) {
			t.Errorf("%s: %s, %v", c.args, out, err)
		}
	}
	if _, err := byHand(t, "outbox", "purge", all[1].name); fmt.Sprint(err) != "no message "+all[1].name+" waits here: see messages outbox list" {
		t.Errorf("what is gone: %v", err)
	}
	held.letGo()
	if out, err := byHand(t, "outbox", "purge", "--all"); err != nil || out != "1 messages removed\n" {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := os.Stat(all[4].file(state)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
