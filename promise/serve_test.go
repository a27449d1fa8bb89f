package promise

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the module says to testdata/*.module")

// The dialogues in testdata are two texts: what the agent says (.agent), byte for
// byte, and what must be heard from the module (.module).
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.agent")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".agent")
		t.Run(filepath.Base(name), func(t *testing.T) {
			agent, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := serve(t, Server{}, string(agent))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(name+".module", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".module")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the module says\n%q\nwant\n%q", firstDifference(got, string(want)), firstDifference(string(want), got))
			}
			_, answers, _ := bytes.Cut([]byte(got), []byte("\n\n"))
			for len(answers) > 0 {
				if _, answers, err = hear(answers); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// firstDifference returns the line of a where b differs.
func firstDifference(a, b string) string {
	others := strings.SplitAfter(b, "\n")
	for i, line := range strings.SplitAfter(a, "\n") {
		if i >= len(others) || line != others[i] {
			return line
		}
	}
	return ""
}
