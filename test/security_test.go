package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName  = regexp.MustCompile("`([a-z][a-z0-9-]*):((?:Test|Fuzz)[A-Za-z0-9]+)`")
	storyName = regexp.MustCompile("`(test/testdata/[a-z0-9_]+\\.txtar)`")
)

// TestClaimsAreTested wants each claim of SECURITY.md to name tests, and each
// test that is named to be there.
func TestClaimsAreTested(t *testing.T) {
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := 0
	for line := range strings.Lines(string(text)) {
		names, stories := testName.FindAllStringSubmatch(line, -1), storyName.FindAllStringSubmatch(line, -1)
		for _, name := range names {
			if !hasTest(t, name[1], name[2]) {
				t.Errorf("no %s in %s", name[2], name[1])
			}
		}
		for _, story := range stories {
			if _, err := os.Stat("../" + story[1]); err != nil {
				t.Error(err)
			}
		}
		tests += len(names) + len(stories)
		if claims(line) && len(names)+len(stories) == 0 {
			t.Errorf("no test for: %s", line)
		}
	}
	if tests < 50 {
		t.Errorf("%d tests named: is SECURITY.md written in another way?", tests)
	}
}

// claims tells whether a line is a row of a table of two columns, and not its head.
func claims(line string) bool {
	return strings.Count(line, " | ") == 1 && strings.HasPrefix(line, "| ") && !strings.HasSuffix(strings.TrimSpace(line), "| tests |")
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob("../" + folder + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
