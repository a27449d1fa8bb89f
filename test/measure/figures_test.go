package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestRateIn(t *testing.T) {
	if rate, err := rateIn("tcp://127.0.0.1:4711\nseconds 0.250000\n", 1000); err != nil || rate != 4000 {
		t.Errorf("1000 messages in 0.25 s: %v/s, %v", rate, err)
	}
	if _, err := rateIn("tcp://127.0.0.1:4711\n", 1000); err == nil {
		t.Error("no time was written, and that is no error")
	}
}

func TestCallsAreCounted(t *testing.T) {
	table := `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 97.51    0.014302        1021        14           fsync
  1.49    0.000365          91         4         3 connect
  1.00    0.000100         100         2           fdatasync
------ ----------- ----------- --------- --------- ----------------
100.00    0.014667         814        20         3 total
`
	if got := countCalls(table); got != (callFigures{Connects: 4, Fsyncs: 16}) {
		t.Errorf("%+v", got)
	}
}

func TestAimOfMany(t *testing.T) {
	f := manyFigures{One: runFigures{Wall: spread{Median: 60}}, Append: spread{Median: 0.5}}
	if f.aim() != 145 {
		t.Errorf("twice 60 ms and 50 fsyncs of 0.5 ms: %v ms, expected 145", f.aim())
	}
}

func TestManyPromises(t *testing.T) {
	text := manyPromises(50, "async_request", "tcp://127.0.0.1:1")
	for _, want := range []string{`"message_01"`, `"message_50"`, `"uqhost":"x2gvdt0050"`, `to => "tcp://127.0.0.1:1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if n := strings.Count(text, `pattern => "async_request"`); n != 50 {
		t.Errorf("%d promises, expected 50", n)
	}
}

func TestShareThatArrived(t *testing.T) {
	r := patternRounds{raw: []float64{1000}, loadRounds: loadRounds{
		listener: []loadRun{{sent: 100, has: 90, took: 1e9}}, echo: []loadRun{{sent: 180, has: 180, took: 1e9}},
	}}
	f := r.figures(patterns[2])
	if f.Arrived.Median != 0.9 || f.Listener.Rate.Median != 90 || f.ToEcho != 0.5 || f.ToRaw != 0.09 {
		t.Errorf("90 of 100 arrived in a second, beside 180 and 1000: %+v", f)
	}
}

func TestUnknownPart(t *testing.T) {
	_, err := parseOptions([]string{"--quick", "many", "pattern"})
	if err == nil || !strings.Contains(err.Error(), "patterns") {
		t.Errorf("the part pattern: %v, expected an error that names patterns", err)
	}
}

func TestRunsThatSend(t *testing.T) {
	if n := sentBy(ways, 2); n != 3*2*(1+10+50)+50 {
		t.Errorf("three ways that send 61 in each of two rounds, and 50 that are kept from then on: %d", n)
	}
	for _, w := range ways {
		text := w.promises(50, "tcp://127.0.0.1:1", "client.py")
		if strings.Count(text, "tcp://127.0.0.1:1") != 50 || !strings.Contains(text, `_50"`) {
			t.Errorf("%s: not 50 promises:\n%s", w.name, text)
		}
	}
}

// The parts are those that test/bench knows, and tells of in its help; the page of
// figures names no others.
func TestPartsAreTold(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	bench, page := read("../bench"), read("../../doc/figures.md")
	taken := strings.Fields(strings.NewReplacer("|", " ", ")", " ").Replace(regexp.MustCompile(`(?m)^ +agent .*parts\+=`).FindString(bench)))
	for _, p := range parts {
		if !regexp.MustCompile(`(?m)^  `+p.name+` +\S`).MatchString(bench) || !slices.Contains(taken, p.name) {
			t.Errorf("test/bench does not take the part %s, or has no help for it", p.name)
		}
	}
	for _, command := range regexp.MustCompile("`(?:\\./)?test/bench ([a-z ]+)").FindAllStringSubmatch(page, -1) {
		if _, err := parseOptions(strings.Fields(command[1])); err != nil {
			t.Errorf("doc/figures.md: test/bench %s: %v", command[1], err)
		}
	}
}
