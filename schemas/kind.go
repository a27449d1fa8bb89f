package schemas

// Kind is what sort of information a schema carries (x-kind, DESIGN.md section 8).
type Kind string

const (
	Common  Kind = "common"
	Static  Kind = "static"
	Dynamic Kind = "dynamic"
	State   Kind = "state"
)

// Defaults are the attributes of a promise that its schema's kind decides
// where policy is silent (DESIGN.md sections 7 and 8).
type Defaults struct {
	Pattern string // request, async_request or push
	Repeat  string // changed or always
}

var defaults = map[Kind]Defaults{
	Common:  {Pattern: "request", Repeat: "changed"},
	Static:  {Pattern: "request", Repeat: "changed"},
	Dynamic: {Pattern: "push", Repeat: "always"},
	State:   {Pattern: "async_request", Repeat: "always"},
}

// Defaults returns what policy need not say for a schema of this kind; the
// zero Defaults for a kind that is none of the four.
func (k Kind) Defaults() Defaults { return defaults[k] }

// Defaults returns what policy need not say for this schema: what its kind
// has, except that a question for a view is asked each time, and waits for the
// answer.
func (s *Schema) Defaults() Defaults {
	if s.ID == "view_request" {
		return Defaults{Pattern: "request", Repeat: "always"}
	}
	return s.Kind.Defaults()
}

func (k Kind) known() bool {
	_, ok := defaults[k]
	return ok
}
