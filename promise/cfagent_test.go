package promise

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const outcomes = `
promise agent scripts { path => "MODULE"; }
promise agent others { path => "MODULE"; }

body classes outcome(name)
{
  promise_kept => { "o_$(name)_kept" };
  promise_repaired => { "o_$(name)_repaired" };
  repair_failed => { "o_$(name)_failed" };
}

bundle agent main
{
  scripts:
    "kept" classes => outcome("kept");
    "loud" do => "loud", say => "Quiet please", classes => outcome("loud");
    "repair" do => "repair", say => "Sent it", set => { "sent-it.now" }, classes => outcome("repair");
    "fail" do => "fail", say => "Nobody listens", classes => outcome("fail");
    "warned" do => "warn", say => "Should send", classes => outcome("warned");
    "refuse" refuse => "Not like this", classes => outcome("refuse");
    "unknown" what => "x", classes => outcome("unknown");
    "panic" do => "panic", say => "boom", classes => outcome("panic");
    "panic in validate" do => "panic in validate", classes => outcome("validate");
    "nothing" do => "nothing", classes => outcome("nothing");
    "after" do => "repair", say => "Still here", classes => outcome("after");
    "meta" meta => { "a" }, if => "any", unless => "nosuch", comment => "c", handle => "h", ifelapsed => "0",
      classes => outcome("meta");

  others:
    "after" do => "repair", say => "Also here", classes => outcome("other");

  reports:
      "CLASSES $(with)" with => join(" ", sort(classesmatching("o_.*"), "lex"));

    sent_it_now::
      "The result class is there";
}
`

func TestAgentOutcomes(t *testing.T) {
	a := newAgent(t)
	out := a.run(outcomes)
	a.says(out, "info: Sent it", "error: Nobody listens", "error: Should send", "error: Not like this (", "R: The result class is there",
		"error: unknown attribute 'what', known are: do, say, value, set, refuse (", "info: Still here", "info: Also here",
		"CRITICAL: A bug in the module: panic in evaluate_promise of scripts promise 'panic'", ": boom",
		"CRITICAL: A bug in the module: panic in validate_promise of scripts promise 'panic in validate'",
		"CRITICAL: The module gave no outcome, a bug in the module")
	if strings.Contains(out, "Quiet please") {
		t.Errorf("a kept promise is loud:\n%s", out)
	}
	want := "o_after_repaired o_fail_failed o_kept_kept o_loud_kept o_meta_kept o_nothing_failed o_other_repaired " +
		"o_panic_failed o_refuse_failed o_repair_repaired o_unknown_failed o_validate_failed o_warned_failed"
	if got := a.classes(out); got != want {
		t.Errorf("classes %s\nwant    %s", got, want)
	}
}

// A module that ends before it has said a word costs its promises, no more.
func TestAgentStartFails(t *testing.T) {
	a := newAgent(t)
	a.link(a.module, "failing_at_start")
	a.says(a.run(`
promise agent scripts { path => "DIR/failing_at_start"; }
body classes failed { repair_failed => { "failed" }; }
bundle agent main
{
  scripts:
    "x" classes => failed;
  reports:
    failed::
      "It failed";
}
`), "error: Did not receive header from promise module", "R: It failed")
}

// Last words reach the log, and so does a panic's stack.
func TestAgentHearsAll(t *testing.T) {
	a := newAgent(t)
	a.says(a.run(outcomes, "--debug"), "verbose: Quiet please", "verbose: script: that was all", "debug: goroutine ", "fixture_test.go:")
}

// Under a dry run nothing may be reported as changed, whatever the module does.
func TestAgentDryRun(t *testing.T) {
	a := newAgent(t)
	for _, mode := range []string{"--dry-run", "--simulate=diff", "--simulate=manifest"} {
		t.Run(mode, func(t *testing.T) {
			a := agent{t, a.dir, a.module}
			out := a.run(outcomes, mode)
			a.says(out, "warning: Repaired where only a warning is allowed, a bug in the module: Sent it", "error: Nobody listens",
				"warning: Should send", "error: Not like this (", "warning: Repaired where only a warning is allowed, a bug in the module: Also here")
			if strings.Contains(out, "info: Sent it") || strings.Contains(a.classes(out), "_repaired") {
				t.Errorf("a dry run repairs:\n%s", out)
			}
		})
	}
}

func TestAgentActionPolicy(t *testing.T) {
	a := newAgent(t)
	out := a.run(`
promise agent scripts { path => "MODULE"; }
body action only(policy) { action_policy => "$(policy)"; }
bundle agent main
{
  scripts:
    "1" do => "warn", say => "Should send 1", action_policy => "warn";
    "2" do => "warn", say => "Should send 2", action_policy => "nop";
    "3" do => "warn", say => "Should send 3", action => only("warn");
    "4" do => "keep", action => only("nop");
    "5" do => "repair", say => "Sent 5", action => only("nop");
    "6" do => "repair", say => "Sent 6", action => only("fix");
}
`)
	a.says(out, "warning: Should send 1", "warning: Should send 2", "warning: Should send 3", "in the module: Sent 5", "info: Sent 6")
}

// Values arrive as they stand in policy, whatever their size and bytes.
func TestAgentValues(t *testing.T) {
	a := newAgent(t)
	texts := map[string]string{
		"4 MiB":      strings.Repeat("0123456789abcde\n", 4<<16),
		"1 MiB é":    strings.Repeat("é", 1<<19),
		"coloured":   "\x1b[31mé 漢 🙂\x1b[0m \x7f\x01",
		"lines":      "one\ntwo\r\n\tthree\n\n",
		"quotes":     `a "b" 'c' \ \\ \n \u00e9 %s = {}`,
		"separators": "\u2028\u2029\u0085\ufeff",
	}
	var promises, want strings.Builder
	for name, text := range texts {
		path := a.write(Canonify(name), text)
		fmt.Fprintf(&promises, "    \"%s\" do => \"measure\", value => readfile(\"%s\", \"inf\");\n", name, path)
		fmt.Fprintf(&want, "info: %s: value is text, %d bytes, SHA-256 %x\n", name, len(text), sha256.Sum256([]byte(text)))
	}
	latin1 := a.write("latin1", "caf\xe9")
	out := a.run(`
promise agent scripts { path => "MODULE"; }
bundle agent main
{
  vars:
    "c" data => '{"s":"é","i":-1,"f":1.5,"t":true,"n":null,"o":{},"a":[1,"two",[3]]}';
    "file" string => readfile("` + latin1 + `", "inf");
  scripts:
` + promises.String() + `
    "" do => "measure";
    "nothing else";
    "` + strings.Repeat("long ", 13000) + `" do => "repair", say => "A long promiser";
    "odd \"promiser\" é \ \u00e9 	
 of two lines" do => "repair", say => "An odd promiser";
    "container" do => "measure", value => @(c);
    "list" do => "measure", value => { "one", "t\"w\"o", "" };
    "empty list" do => "measure", value => { };
    "function" do => "measure", value => join(",", "{ 'a', 'b' }");
    "real" do => "measure", value => "3.25";
    "latin1" do => "measure", value => "$(file)";
}
`)
	a.says(out, strings.Split(want.String(), "\n")...)
	a.says(out, "info: : value is", "info: A long promiser", "info: An odd promiser", "info: list: value is [\"one\",\"t\\\"w\\\"o\",\"\"]", "info: empty list: value is []",
		`info: container: value is {"a":[1,"two",[3]],"f":1.5000,"i":-1,"n":null,"o":{},"s":"é","t":true}`,
		`error: attribute 'value' is not UTF-8 (byte \xe9 at 4)`)
}

// Texts of any size and bytes reach the agent's log without harm.
func TestAgentLogs(t *testing.T) {
	a := newAgent(t)
	a.write("lines", strings.Repeat("so many\n", 70_000))
	a.write("wide", strings.Repeat("\x1b", maxLineBytes+1))
	a.write("odd", "é 漢\u2028 \x1b[31m %s %n \\u00e9\nlog_info=x\n\n{\"result\":\"kept\"}\nlog_nolevel=y\n\n")
	out := a.run(`
promise agent scripts { path => "MODULE"; }
bundle agent main
{
  scripts:
    "lines" do => "repair", say => readfile("DIR/lines", "inf");
    "wide" do => "fail", say => readfile("DIR/wide", "inf");
    "odd" do => "repair", say => readfile("DIR/odd", "inf"), set => { "", "é", "x:y", "`+strings.Repeat("c", 2000)+`" };
    "blank" do => "fail", say => "";
    "last" do => "repair", say => "Done";
}
`, "--verbose")
	a.says(out, "(more lines were left out)", `error: `+strings.Repeat(`\x1b`, maxLineBytes)+"... (1 bytes more)",
		"info: é 漢\u2028 \\x1b[31m %s %n \\u00e9\n", "info: log_info=x\n", "info: {\"result\":\"kept\"}\n", "info: log_nolevel=y\n",
		"error: Not kept (the module does not say why)", "info: Done")
	if n := strings.Count(out, "info: so many"); n != maxLines {
		t.Errorf("the agent logs %d lines", n)
	}
}

// An agent that is killed ends the module, and what it is about.
func TestAgentKilled(t *testing.T) {
	a := newAgent(t)
	policy := a.policy(`
promise agent scripts { path => "MODULE"; }
bundle agent main
{
  scripts:
    "DIR/waiting" do => "wait";
}
`)
	run := a.command("cf-agent", "-K", "-f", policy)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := filepath.Join(a.dir, "waiting")
	a.until("the module evaluates", func() bool { _, err := os.Stat(waiting); return err == nil })
	_ = run.Process.Kill()
	_ = run.Wait()
	a.until("the module stops", func() bool {
		cause, _ := os.ReadFile(waiting)
		return string(cause) == ErrAgentGone.Error()
	})
}

// The module of the package's documentation is complete: it builds and works.
func TestAgentRunsTheDocumentedModule(t *testing.T) {
	a := newAgent(t)
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	program, _, _ := strings.Cut(string(doc), "// In policy:")
	_, program, _ = strings.Cut(program, "// A complete module:\n")
	program = regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(program, "")
	build := exec.Command("go", "build", "-o", filepath.Join(a.dir, "directories"), a.write("main.go", program))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, program)
	}
	const policy = `
promise agent directories { path => "DIR/directories"; }
bundle agent main
{
  directories:
    "DIR/made";
}
`
	a.says(a.run(policy, "--dry-run"), "warning: Directory "+a.dir+"/made should be made")
	a.says(a.run(policy), "info: Made directory "+a.dir+"/made")
	if out := a.run(policy); out != "" {
		t.Errorf("a kept promise says %s", out)
	}
	a.says(a.run(policy+"bundle agent x { directories: \"y\" z => \"1\"; }\n", "-b", "x"), "error: unknown attribute 'z', known are: none (")
}
