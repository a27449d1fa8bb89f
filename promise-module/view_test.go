package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/webhuis/cfengine-messages/message"
)

func answerWithView() answer {
	return answer{receipt: message.Receipt{Status: message.Stored, View: &message.View{Name: "host_context", Data: json.RawMessage(`{"role":"web"}`)}}}
}

func TestAViewIsWrittenWhenItChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "views", "host.json")
	for _, step := range []struct {
		what, view string
		changed    bool
		want       string
	}{
		{"the first", `{"role":"web"}`, true, `{"role":"web"}`},
		{"the same", `{"role":"web"}`, false, `{"role":"web"}`},
		{"the same to policy", `{ "none": null, "role": "web" }`, false, `{"role":"web"}`},
		{"another", `{"role":"db"}`, true, `{"role":"db"}`},
		{"one of the same length", `{"role":"ab"}`, true, `{"role":"ab"}`},
		{"an array", `[1,2]`, true, `[1,2]`},
	} {
		before, _ := os.Stat(file)
		changed, err := writeView(file, json.RawMessage(step.view))
		if err != nil || changed != step.changed {
			t.Fatalf("%s: changed %v, %v", step.what, changed, err)
		}
		if got := mustRead(t, file); got != step.want+"\n" {
			t.Errorf("%s: the file holds %s", step.what, got)
		}
		if after, _ := os.Stat(file); !changed && !os.SameFile(before, after) {
			t.Errorf("%s: the file was written again", step.what)
		}
	}
	modes(t, filepath.Dir(file), 0o700, file, 0o600)
}

func TestTheLastGoodViewStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host.json")
	mustWrite(t, file, []byte("good"))
	for what, c := range map[string]struct{ view, says string }{
		"half a view":   {`{"role":`, "no JSON"},
		"a scalar":      {`4`, "expected a JSON object or array"},
		"null":          {`null`, "expected a JSON object or array"},
		"nothing":       {``, "no JSON"},
		"one too large": {`["` + strings.Repeat("x", maxView) + `"]`, "more than CFEngine reads"},
	} {
		changed, err := writeView(file, json.RawMessage(c.view))
		if changed {
			t.Errorf("%s: changed", what)
		}
		mustFail(t, err, file, c.says)
	}
	if mustRead(t, file) != "good" {
		t.Error("the last good view was replaced")
	}
}

// reply_file may name anything. A pipe that nobody writes to would be read for
// ever, a link would be followed.
func TestAViewReplacesWhateverIsThere(t *testing.T) {
	folder := t.TempDir()
	pipe, link, precious := filepath.Join(folder, "pipe"), filepath.Join(folder, "link"), filepath.Join(folder, "precious")
	mustWrite(t, precious, []byte("precious"))
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, link); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, link} {
		if changed, err := writeView(file, json.RawMessage(`{}`)); err != nil || !changed {
			t.Errorf("%s: %v, %v", file, changed, err)
		}
	}
	if mustRead(t, precious) != "precious" {
		t.Error("the link was followed")
	}
}

func TestViewNamesAreFilesOfThePromise(t *testing.T) {
	for promiser, want := range map[string]string{
		"host": "host.json", "who I am": "who_I_am.json", "../../etc/x": "______etc_x.json", "é": "__.json", "": ".json",
		strings.Repeat("x", 5000): strings.Repeat("x", 200) + ".json",
	} {
		if got := viewName(promiser); got != want {
			t.Errorf("%.20q has its view in %s", promiser, got)
		}
	}
}
