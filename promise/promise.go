package promise

import (
	"context"
	"encoding/json"
	"fmt"
)

// A Promise is what cf-agent tells about one promise in policy.
type Promise struct {
	// Type is the promise type's name in policy. One module may serve several.
	Type string

	// Promiser may be any text, the empty one too.
	Promiser string

	// Attributes are the promise's attributes, each as valid JSON; never nil.
	// Strings, ints and reals of policy are JSON strings, lists are arrays of
	// strings, containers are themselves. Note that cf-agent damages numbers in
	// containers: integers wrap at 32 bits, decimals are rounded to 4 places.
	// The agent's own attributes are among them: see [UnknownAttributes].
	Attributes map[string]json.RawMessage

	// File and Line say where the promise stands in policy.
	File string
	Line int

	// LogLevel is the most verbose level that will be shown: error, notice,
	// info, verbose or debug. It need not be heeded: the agent filters.
	LogLevel string

	// WarnOnly forbids any change: action_policy is warn or nop, or the agent
	// runs with --dry-run or --simulate. The Outcome is then Kept or Warned.
	WarnOnly bool
}

// Where returns the promise's place in policy, as "file:line".
func (p Promise) Where() string {
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A Type is a promise type: what a module does. Its methods are called one at a
// time, from the goroutine of [Server.Serve], with a context that ends with
// Serve's own and, with the cause [ErrAgentGone], when the agent is gone. cf-agent
// waits for them for ever, so they bound their own time. A panic in them becomes
// the answer "error" with a critical line; the process goes on.
type Type interface {
	// Validate returns nil for a promise that can be evaluated. Each line of
	// the error's text becomes an error line of its own, to which the place in
	// policy is added; so errors.Join tells several.
	Validate(ctx context.Context, p Promise) error

	// Evaluate keeps the promise and says how that went. It follows the
	// Validate of the same promise, but not necessarily at once.
	Evaluate(ctx context.Context, p Promise) Outcome
}

// A Terminator is a Type with something to say at the end of the agent's run.
type Terminator interface {
	Type

	// Terminate is called before the answer to the agent's terminate, which
	// waits for it; it is not called when the agent just vanishes. Its lines
	// are logged without regard to any promise.
	Terminate(ctx context.Context) []Log
}
