package zmq

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestParseRoute(t *testing.T) {
	// Frames are separated by "|", the empty one is "".
	tests := []struct{ frames, prefix, payload, fault string }{
		{"|P", "", "P", ""},
		{"1234||P", "1234|", "P", ""},
		{"hop|hop|1234||P", "hop|hop|1234|", "P", ""},
		{"id|P", "id", "P", ""},
		{"P", "none", "P", ""},
		{"||", "", "", "2 payload frames"},
		{"id|", "id|", "", "no payload"},
		{"", "", "", "no payload"},
		{"|P|Q", "", "P", "2 payload frames"},
		{"id||P|Q|R", "id|", "P", "3 payload frames"},
		{"id|P|Q", "id", "P", "2 payload frames"},
		{strings.Repeat("x|", 40) + "P", "x", "x", "40 payload frames"},
		{strings.Repeat("x|", 15) + "|P", strings.Repeat("x|", 15), "", "17 frames, at most 16"},
	}
	for _, test := range tests {
		frames := bytes.Split([]byte(test.frames), []byte("|"))
		kept := frames[:min(len(frames), maxFrames)]
		prefix, payload, fault := parseRoute(kept, len(frames))
		want := bytes.Split([]byte(test.prefix), []byte("|"))
		if test.prefix == "none" {
			want = nil
		}
		if !slices.EqualFunc(prefix, want, bytes.Equal) || string(payload) != test.payload {
			t.Errorf("%q: prefix %q, payload %q", test.frames, prefix, payload)
		}
		if (fault == "") != (test.fault == "") || !strings.HasPrefix(fault, test.fault) {
			t.Errorf("%q: fault %q, want %q", test.frames, fault, test.fault)
		}
	}
}

func FuzzParseRoute(f *testing.F) {
	f.Add([]byte("id||P"), 0)
	f.Fuzz(func(t *testing.T, raw []byte, more int) {
		frames := bytes.Split(raw, []byte("|"))
		count := len(frames)
		frames = frames[:min(count, maxFrames)]
		prefix, payload, fault := parseRoute(frames, count)
		if len(prefix) > len(frames) || payload == nil && fault == "" {
			t.Errorf("%q: prefix %q, payload %q, fault %q", raw, prefix, payload, fault)
		}
	})
}
