package promise

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// spoken is what the agent hears of an outcome.
func spoken(t *testing.T, o Outcome, warnOnly bool) heard {
	t.Helper()
	out := answer{opEvaluate, "p", o.settle(warnOnly)}.encode()
	h, rest, err := hear(out)
	if err != nil || len(rest) > 0 {
		t.Fatalf("answer %.2000q: %v, rest %.100q", out, err, rest)
	}
	if err := h.bug(warnOnly); err != nil {
		t.Fatalf("the agent reports a bug in the module: %v\n%.2000s", err, out)
	}
	return h
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		name     string
		outcome  Outcome
		warnOnly bool
		result   string
		lines    string
	}{
		{"kept", Kept(), false, "kept", ""},
		{"kept is silent", Kept().With(Info("i"), Error("e"), Verbose("v"), Debug("d")), false, "kept", "verbose=i verbose=e verbose=v debug=d"},
		{"repaired", Repaired("sent"), false, "repaired", "info=sent"},
		{"repaired of several lines", Repaired("a\n\n b\r\nc\n"), false, "repaired", "info=a info= b info=c"},
		{"repaired, blank", Repaired(" \n\t"), false, "repaired", "info=Repaired (the module does not say what)"},
		{"repaired with more", Repaired("sent").With(Warning("w"), Notice("n")), false, "repaired", "info=sent warning=w notice=n"},
		{"not kept", NotKept("down"), false, "not_kept", "error=down"},
		{"not kept, blank", NotKept(""), false, "not_kept", "error=Not kept (the module does not say why)"},
		{"warned without warn mode", Warned("would").With(Info("i")), false, "not_kept", "error=would info=i"},
		{"nothing", Outcome{}, false, "error", "critical=The module gave no outcome, a bug in the module"},
		{"nothing but a line", Outcome{}.With(Info("i")), true, "error", "critical=The module gave no outcome, a bug in the module"},

		{"warn mode: kept", Kept().With(Info("i")), true, "kept", "verbose=i"},
		{"warn mode: warned", Warned("would").With(Info("i")), true, "not_kept", "warning=would verbose=i"},
		{"warn mode: not kept", NotKept("down").With(Info("i")), true, "not_kept", "error=down verbose=i"},
		{"warn mode: repaired", Repaired("sent"), true, "not_kept",
			"warning=Repaired where only a warning is allowed, a bug in the module: sent verbose=sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := spoken(t, test.outcome, test.warnOnly)
			lines := strings.ReplaceAll(strings.Join(h.lines, " "), "log_", "")
			if h.Result != test.result || lines != test.lines {
				t.Errorf("heard %s, %s\nwant  %s, %s", h.Result, lines, test.result, test.lines)
			}
		})
	}
}

func TestOutcomeIsAValue(t *testing.T) {
	base := Repaired("r").With(Verbose("1")).With(Verbose("2")).WithClasses("c1", "c2", "c3")
	one, two := base.With(Verbose("one")).WithClasses("one"), base.With(Verbose("two")).WithClasses("two")
	if h := spoken(t, one, false); h.lines[3] != "log_verbose=one" || h.Classes[3] != "one" {
		t.Errorf("two outcomes of one base share their lines: %v", h)
	}
	two.settle(true)
	if h := spoken(t, two, false); h.Result != "repaired" || h.lines[0] != "log_info=r" {
		t.Errorf("settle changed its outcome: %v", h)
	}
}

// 65,536 info lines are none to an agent that counts in 16 bits.
func TestMoreLinesThanTheAgentCounts(t *testing.T) {
	h := spoken(t, Repaired(strings.Repeat("x\n", 1<<16)).With(Info("last")), false)
	if len(h.lines) != maxLines+1 || h.lines[maxLines] != "log_verbose=(more lines were left out)" {
		t.Errorf("heard %d lines, the last %s", len(h.lines), h.lines[len(h.lines)-1])
	}
	many := slices.Repeat([]Log{Verbose("x")}, 1<<16)
	spoken(t, Warned("w").With(many...).With(Error("far behind")), false)
}

func TestLogText(t *testing.T) {
	for _, test := range []struct{ name, text, line string }{
		{"plain", `50% of "it" \n \u00e9 = ok`, `50% of "it" \n \u00e9 = ok`},
		{"UTF-8", "é 漢 🙂 \u2028\u2029 \ufffd", "é 漢 🙂 \u2028\u2029 \ufffd"},
		{"control characters", "a\x00b\x1b[31mc\x7f\u0085\td", `a\x00b\x1b[31mc\x7f\x85` + "\td"},
		{"not UTF-8", "caf\xe9 \xc3", `caf\xe9 \xc3`},
		{"long", strings.Repeat("é", maxLineBytes), strings.Repeat("é", maxLineBytes/2) + "... (16384 bytes more)"},
		{"long, cut in a character", "x" + strings.Repeat("é", maxLineBytes), "x" + strings.Repeat("é", maxLineBytes/2-1) + "... (16386 bytes more)"},
		{"long, not UTF-8", strings.Repeat("\x80", maxLineBytes+9), strings.Repeat(`\x80`, maxLineBytes-4) + "... (13 bytes more)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if h := spoken(t, Repaired(test.text), false); h.lines[0] != "log_info="+test.line {
				t.Errorf("heard %.100q\nwant  %.100q", h.lines[0], test.line)
			}
		})
	}
}

func TestCanonify(t *testing.T) {
	for text, want := range map[string]string{
		"we-ird class.name": "we_ird_class_name", "with|bar": "with_bar", "123abc": "123abc", "": "",
		"é": "__", "default:qq": "default_qq", "a\nb\x00": "a_b_", strings.Repeat("x", 5000): strings.Repeat("x", 1023),
	} {
		if got := Canonify(text); got != want {
			t.Errorf("Canonify(%.40q) = %.40q", text, got)
		}
	}
	h := spoken(t, Kept().WithClasses("a b", "", "a_b", "é").WithClasses("a.b", "c"), false)
	if want := []string{"a_b", "__", "c"}; !slices.Equal(h.Classes, want) {
		t.Errorf("heard the classes %q, want %q", h.Classes, want)
	}
}

// FuzzOutcome builds arbitrary outcomes of arbitrary texts: none may crash the agent
// or be reported as a bug.
func FuzzOutcome(f *testing.F) {
	f.Add(uint64(1), "sent", "a\nb")
	f.Add(uint64(2), "", "\x00\x1b\xff\n\r\n")
	f.Add(uint64(3), "\n", "log_info=x\n{}\n\n")
	f.Add(uint64(4), "\u2028", `\u00e9 "quoted" %s`)
	f.Fuzz(func(t *testing.T, seed uint64, one, two string) {
		r := rand.New(rand.NewPCG(seed, 0))
		for range 20 {
			o := anyOutcome(r, []string{one, two, one + two, "", two + "\n" + one})
			spoken(t, o, false)
			spoken(t, o, true)
		}
	})
}

func anyOutcome(r *rand.Rand, texts []string) Outcome {
	text := func() string { return texts[r.IntN(len(texts))] }
	o := []Outcome{Kept(), Repaired(text()), NotKept(text()), Warned(text()), {}}[r.IntN(5)]
	for range r.IntN(5) {
		logs := []Log{Critical(text()), Error(text()), Warning(text()), Notice(text()), Info(text()), Verbose(text()), Debug(text()), {}}
		r.Shuffle(len(logs), func(i, j int) { logs[i], logs[j] = logs[j], logs[i] })
		o = o.With(logs[:r.IntN(len(logs))]...).WithClasses(text(), fmt.Sprint(r.IntN(3)))
	}
	return o
}
