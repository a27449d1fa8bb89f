package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every socket goes through the same gate: what one refuses, each refuses by the same
// code, and has what is right stored.
func TestEverySocketHasTheSameGate(t *testing.T) {
	patterns := []string{"request", "publish", "push", "pair"}
	lines := []string{"feeds:", "  host: {from: trusted}", "  domain: {from: [self]}", "  role: {from: [SHA=" + strings.Repeat("0", 64) + "]}", "listeners:"}
	for _, pattern := range patterns {
		lines = append(lines, "  - {pattern: "+pattern+", bind: [tcp://127.0.0.1:0]}")
	}
	s := newSite(t, lines...)
	r := s.listen()
	other := filepath.Join(s.dir, "other.pub")
	must(t, os.WriteFile(other, pairOf(t, squattedKey()).Public().PEM(), 0o600))
	s.mustCLI("keys", "approve", other, "--name", "www2.example.com")
	f := forger{t: t, kid: s.pair.Digest(), by: hostKey(), when: time.Now()}
	stranger := f
	stranger.by = attackerKey()
	wrong := map[string]string{
		"unsigned":        about("bare", `{"uqhost":"www1"}`),
		"bad_signature":   stranger.says(about("forged", `{"uqhost":"www1"}`)),
		"malformed":       f.says("{"),
		"not_for_me":      f.signed(f.header(map[string]any{"aud": "SHA=" + strings.Repeat("1", 64)}), about("elsewhere", `{"uqhost":"www1"}`)),
		"expired":         f.signed(f.header(map[string]any{"iat": 1, "exp": 2}), about("late", `{"uqhost":"www1"}`)),
		"unknown_schema":  f.says(strings.Replace(about("x", `{}`), "host", "nosuch", 1)),
		"denied":          f.says(strings.Replace(about("y", `{}`), "host", "role", 1)),
		"denied ":         f.says(about("squatter", `{"uqhost":"www2"}`)),
		"invalid_content": f.says(about("z", `{"uqhost":7}`)),
	}
	var ready struct{ Endpoints []string }
	must(t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	want := map[string][]string{}
	for i, pattern := range patterns {
		for code, frame := range wrong {
			r.through(pattern, ready.Endpoints[i], frame)
			want[pattern] = append(want[pattern], strings.TrimSpace(code))
		}
		r.through(pattern, ready.Endpoints[i], f.says(about("right-"+pattern, `{"uqhost":"www1"}`)))
		slices.Sort(want[pattern])
	}
	await(t, "all that is right", func() bool { return strings.Count(s.mustCLI("tail", "-n", "100"), `"right-`) == len(patterns) })
	refused := func() map[string][]string {
		codes := map[string][]string{}
		for line := range strings.Lines(s.mustCLI("dead", "list", "--json")) {
			var l deadLine
			must(t, json.Unmarshal([]byte(line), &l))
			codes[l.Pattern] = append(codes[l.Pattern], l.Code)
		}
		for _, all := range codes {
			slices.Sort(all)
		}
		return codes
	}
	await(t, "dead letters", func() bool {
		return len(slices.Concat(slices.Collect(maps.Values(refused()))...)) >= len(patterns)*len(wrong)
	})
	if got := refused(); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("refused %v, want %v", got, want)
	}
	if out := s.mustCLI("tail", "-n", "100"); strings.Count(out, "\n") != len(patterns) {
		t.Errorf("stored:\n%s", out)
	}
}

// through sends a frame by a pattern, whatever becomes of it.
func (r *running) through(pattern, endpoint, frame string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var err error
	switch pattern {
	case "request":
		_, err = r.client.Request(ctx, endpoint, []byte(frame))
	case "publish":
		err = r.client.Publish(ctx, endpoint, "host", []byte(frame))
	case "push":
		err = r.client.Push(ctx, []string{endpoint}, []byte(frame))
	case "pair":
		_, err = r.client.Pair(ctx, endpoint, []byte(frame), nil)
	}
	must(r.t, err)
}
