package schemas

import (
	"fmt"
	"strings"
	"testing"
)

// TestPlanAcceptsTheExamples: the plan takes what is ordinary by itself, and
// nobody waits for a validator to be made.
func TestPlanAcceptsTheExamples(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		for i, example := range examples(t, s) {
			if !s.accepts(example) {
				t.Errorf("example %d is a doubt: %s", i, example)
			}
			if err := s.Validate(example); err != nil || s.compiled != nil {
				t.Errorf("example %d: %v; validator made: %v", i, err, s.compiled != nil)
			}
		}
	})
}

// TestPlanBelievesNoStrangerBeforeTheValidator: a site's schema that is none
// says so, whatever the content.
func TestPlanBelievesNoStrangerBeforeTheValidator(t *testing.T) {
	s := loaded(t, `"title":5`)
	if err := s.Validate([]byte(`{}`)); err == nil || !strings.Contains(err.Error(), "/title") {
		t.Errorf("%v", err)
	}
}

// BenchmarkValidate is what a listener pays for a message, by the plan and, as
// for a doubt, by the validator.
func BenchmarkValidate(b *testing.B) {
	for _, m := range []struct {
		schema  string
		content []byte
	}{{"host", facts}, {"software", software(80)}, {"software", software(2800)}} {
		s := find(b, m.schema, "")
		if err := s.Compile(); err != nil {
			b.Fatal(err)
		}
		for name, validate := range map[string]func([]byte) error{"plan": s.Validate, "v5": s.ask} {
			b.Run(fmt.Sprintf("%d/%s", len(m.content), name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := validate(m.content); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func software(packages int) []byte {
	var list []string
	for i := range packages {
		list = append(list, fmt.Sprintf(`{"arch":"amd64","method":"apt_get","name":"package-%d","version":"5.9-%d+b5"}`, i, i))
	}
	return []byte(`{"packages":[` + strings.Join(list, ",") + `]}`)
}
