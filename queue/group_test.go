package queue

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// A crowd is stored together where it can be; what becomes of each, and what is in
// the log in the end, is what it would be had they come one by one.
func TestACrowdIsAsOneByOne(t *testing.T) {
	for name, odd := range map[string][]func(m, other *Message){
		"all new":      {},
		"stored":       {stored},
		"left":         {left},
		"aged":         {aged},
		"large":        {large},
		"twice":        {twice},
		"letter":       {letter},
		"of all sorts": {stored, left, aged, large, twice, letter, twice, large, left, stored, letter},
	} {
		t.Run(name, func(t *testing.T) {
			crowd := crowdWith(odd)
			together, inLog := storedOf(t, crowd, true)
			apart, want := storedOf(t, crowd, false)
			if !reflect.DeepEqual(together, apart) {
				t.Errorf("together: %+v\none by one: %+v", together, apart)
			}
			if !reflect.DeepEqual(inLog, want) {
				t.Error("the logs differ")
			}
		})
	}
}

// What may be odd about a message of a crowd. One without an id stands for a dead letter.
func stored(m, _ *Message)    { m.MessageID, m.Sender = "stored", "SAME" }
func left(m, _ *Message)      { m.MessageID, m.Sender = "left", "SAME" }
func aged(m, _ *Message)      { stored(m, m); m.ReceivedAt = noon.Add(DuplicateWindow + time.Second) }
func large(m, _ *Message)     { m.Frame = bytes.Repeat([]byte("large"), groupFrame) }
func twice(m, other *Message) { m.MessageID, m.Sender = other.MessageID, other.Sender }
func letter(m, _ *Message)    { m.MessageID = "" }

// crowdWith is new messages of some senders, and odd ones at random places.
func crowdWith(odd []func(m, other *Message)) []Message {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]Message, 2*groups[0].size+15)
	for i := range all {
		all[i] = message(fmt.Sprint("new ", i))
		all[i].Sender = fmt.Sprint("sender ", r.IntN(5))
	}
	for _, change := range odd {
		change(&all[r.IntN(len(all))], &all[r.IntN(len(all))])
	}
	return all
}

// storedOf puts a crowd into a log that holds some already, in one transaction or each
// in its own.
func storedOf(t *testing.T, crowd []Message, together bool) (all []Stored, inLog []Message) {
	folder := t.TempDir()
	q := mustOpen(t, folder, Options{})
	left := mustPut(t, q, message("left"))
	mustPut(t, q, message("stored"))
	mustPrune(t, q, host(left))
	mustPut(t, q, message("hold"))
	release := func() {}
	if together {
		release = hold(t, q) // a duplicate by now: its answer keeps the committer all the same
		defer release()
	}
	all = make([]Stored, len(crowd))
	for i, m := range crowd {
		put := func() error { return q.Put(m, func(s Stored) { all[i] = s }) }
		if m.MessageID == "" {
			put = func() error { return q.Bury(DeadLetter{ReceivedAt: noon, Code: "denied"}, nil) }
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if !together {
			waitIdle(t, q)
		}
	}
	release()
	mustClose(t, q)
	inLog, err := mustRead(t, folder).Last(t.Context(), len(crowd)+10)
	if err != nil {
		t.Fatal(err)
	}
	return all, inLog
}

// waitIdle returns when all that was put is on disk.
func waitIdle(t *testing.T, q *Queue) {
	answer := make(chan error, 1)
	if err := q.Bury(DeadLetter{ReceivedAt: noon, Code: "denied"}, func(err error) { answer <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
}
