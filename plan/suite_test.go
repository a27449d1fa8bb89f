package plan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSuite walks the JSON Schema Test Suite for draft 2020-12 (github.com/
// json-schema-org/JSON-Schema-Test-Suite at 44401e0, MIT; its files without
// white space). The plan may leave a case to the validator, and may never
// decide one differently. How many it must decide by itself is written down, so
// that it cannot come to do nothing.
func TestSuite(t *testing.T) {
	files, err := filepath.Glob("testdata/suite/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	decided, valid, cases := 0, 0, 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			d, v, n := suiteFile(t, file)
			t.Logf("%d cases, %d decided, %d accepted", n, d, v)
			decided, valid, cases = decided+d, valid+v, cases+n
		})
	}
	if cases < 1000 || decided < 770 || valid < 420 {
		t.Errorf("of %d cases %d are decided and %d accepted; that is too few", cases, decided, valid)
	}
}

func suiteFile(t *testing.T, file string) (decided, valid, cases int) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		Schema json.RawMessage
		Tests  []struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		v, err := newValidator(g.Schema)
		if err != nil {
			continue // it asks for what lies elsewhere
		}
		p := mustPlan(t, g.Schema)
		for _, test := range g.Tests {
			cases++
			if agree(t, g.Schema, v, test.Data) {
				decided++
			}
			if p.Accepts(test.Data) {
				valid++
			}
		}
	}
	return decided, valid, cases
}
