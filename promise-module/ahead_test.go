package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// Between the two operations of one promise the world may change; what is sent
// is as if it had been sealed in the second.
func TestWhatIsSealedAheadIsSentWhereItIsStillSo(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, m *messages, at *time.Time, attributes map[string]string){
		"": nil, // nothing changes
		"another agent took the number": func(t *testing.T, m *messages, _ *time.Time, _ map[string]string) {
			mustTake(t, newSequence(m.work.state()), 2, 2)
		},
		"a second has passed": func(_ *testing.T, _ *messages, at *time.Time, _ map[string]string) {
			*at = at.Add(time.Second)
		},
		"it is another promise": func(_ *testing.T, _ *messages, _ *time.Time, attributes map[string]string) {
			attributes["content"] = `{"uqhost":"www2"}`
		},
		"the listener has another key": func(t *testing.T, m *messages, _ *time.Time, _ map[string]string) {
			mustWrite(t, filepath.Join(string(m.work), "hub.pub"), strangerKey().public)
		},
	} {
		m := newNode(t)
		at := m.now()
		m.now = func() time.Time { return at }
		key := filepath.Join(string(m.work), "hub.pub")
		mustWrite(t, key, hubKey().public)
		frames := make(chan []byte, 2)
		endpoint := listen(t, func(frame []byte) []byte {
			frames <- bytes.Clone(frame)
			return []byte("taken")
		})
		attributes := map[string]string{"repeat": `"always"`, "retries": `"0"`, "to": `{"endpoints":"` + endpoint + `","key":"` + key + `"}`}
		m.Evaluate(t.Context(), aPromise(attributes))
		<-frames

		if err := m.Validate(t.Context(), aPromise(attributes)); err != nil {
			t.Fatal(err)
		}
		ahead := m.last.job.ahead
		if ahead == nil {
			t.Fatal("nothing is sealed ahead")
		}
		<-ahead.done
		if change != nil {
			change(t, m, &at, attributes)
		}
		m.Evaluate(t.Context(), aPromise(attributes))
		frame := <-frames
		if used := bytes.Equal(frame, ahead.parcel.frame); used != (change == nil) {
			t.Errorf("%s: what was sealed ahead is sent: %v", what, used)
		}
		self := hubKey().pair.Digest()
		if what == "the listener has another key" {
			self = strangerKey().pair.Digest()
		}
		opener := message.Opener{Self: self, Now: m.now, Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nodeKey().pair.Public(), true }}
		opened, err := opener.Open(frame)
		want := uint64(2)
		if what == "another agent took the number" {
			want = 3
		}
		if err != nil || opened.Header.Seq != want || opened.Header.Iat != at.Unix() {
			t.Errorf("%s: %+v, %v", what, opened.Header, err)
		}
	}
}

func TestNothingIsSealedInVain(t *testing.T) {
	m := newNode(t)
	mustTake(t, m.sequence, 1, 1)
	for name, raw := range map[string]string{"repeat": `"changed"`, "sign": `"false"`} {
		if err := m.Validate(t.Context(), aPromise(map[string]string{"repeat": `"always"`, name: raw})); err != nil || m.last.job.ahead != nil {
			t.Errorf("%s %s: %v, %v", name, raw, err, m.last.job.ahead)
		}
	}
	dry := aPromise(map[string]string{"repeat": `"always"`})
	dry.WarnOnly = true
	if err := m.Validate(t.Context(), dry); err != nil || m.last.job.ahead != nil {
		t.Errorf("a dry run: %v, %v", err, m.last.job.ahead)
	}
	mustTake(t, m.sequence, 2, 2) // none of the numbers was taken
}
