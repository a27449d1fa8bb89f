package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/webhuis/cfengine-messages/plan"
)

// accepts tells whether the content surely fits, in one pass over its bytes. It
// comes before anything that costs: the validator needs twenty times as long,
// and is not even made while built-in schemas meet no doubt. That these can be
// made is tested here; of any other schema it is told before its first content.
func (s *Schema) accepts(content []byte) bool {
	s.planned.Do(func() { s.plan = plan.New(s.doc, formatCheck) })
	return s.plan.Accepts(content)
}

// formatCheck finds the validator's own check of a format.
func formatCheck(name string) func(string) bool {
	check := jsonschema.Formats[name]
	if check == nil {
		return nil
	}
	return func(text string) bool { return check(text) }
}
