package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

// scraped is what the listener counts at the moment, a line each.
func (r *running) scraped() string {
	r.t.Helper()
	var ready struct{ Metrics string }
	must(r.t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	answer, err := http.Get(ready.Metrics)
	must(r.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(r.t, err)
	if answer.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s", answer.Status, text)
	}
	return string(text)
}

// What a listener did is counted, and how far behind everything is.
func TestMetrics(t *testing.T) {
	s := newSite(t, append(loopback, "  receipt: {from: trusted, handlers: [{file: "+t.TempDir()+"/receipts.jsonl}]}", "metrics: 127.0.0.1:0")...)
	r := s.listen()
	for _, c := range []struct {
		id     string
		status message.Status
	}{{"m-1", message.Stored}, {"m-1", message.Duplicate}, {"m-2", message.Stored}} {
		if got := r.send(c.id, `{"uqhost":"www1"}`); got.Status != c.status {
			t.Errorf("%+v", got)
		}
	}
	request(t, r.client, r.endpoint, []byte("rubbish"))
	var text string
	await(t, "truth and handler that are up to date", func() bool {
		text = r.scraped()
		return strings.Contains(text, "\ncf_messaged_truth_lag 0\n") && strings.Contains(text, "cf_messaged_truth_position 2\n") && strings.Contains(text, "receipts.jsonl\",schema=\"receipt\"} 0\n")
	})
	for _, line := range []string{
		`cf_messaged_messages_total{outcome="stored"} 2`, `cf_messaged_messages_total{outcome="duplicate"} 1`,
		`cf_messaged_refused_total{code="malformed"} 1`, `cf_messaged_refused_total{code="busy"} 0`,
		"cf_messaged_over_limits_total 0", "cf_messaged_queue_position 2", "cf_messaged_dead_letters 1",
		"cf_messaged_truth_up 1", "cf_messaged_trusted_keys 1", "process_open_fds", "go_goroutines",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// Many who ask at once are not answered all, and the listener goes on; what is
// asked for otherwise is not there.
func TestMetricsAreBounded(t *testing.T) {
	s := newSite(t, append(loopback, "metrics: 127.0.0.1:0")...)
	r := s.listen()
	var ready struct{ Metrics string }
	must(t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	codes := make(chan int)
	for range 50 {
		go func() {
			answer, err := http.Get(ready.Metrics)
			if err != nil {
				codes <- 0
				return
			}
			answer.Body.Close()
			codes <- answer.StatusCode
		}()
	}
	for range 50 {
		if code := <-codes; code != http.StatusOK && code != http.StatusServiceUnavailable {
			t.Error(code)
		}
	}
	base := strings.TrimSuffix(ready.Metrics, "metrics")
	for _, path := range []string{"", "debug/pprof/", "metrics/../x"} {
		answer, err := http.Get(base + path)
		must(t, err)
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	answer, err := http.Post(ready.Metrics, "text/plain", strings.NewReader("x"))
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Error(answer.Status)
	}
	if got := r.send("m-1", `{"uqhost":"www1"}`); got.Status != message.Stored {
		t.Errorf("%+v", got)
	}
	second := newSite(t, append(loopback, fmt.Sprintf("metrics: %s", strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/")))...)
	wantError(t, run(t.Context(), flags{config: second.config}, slog.New(slog.DiscardHandler)), "metrics", "address already in use")
}
