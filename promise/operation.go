package promise

import (
	"context"
	"fmt"
	"runtime/debug"
)

// answer does what is asked. There is an answer to every request, as an agent that
// misses one takes the next for it.
func (s *Server) answer(ctx context.Context, q request) answer {
	var o Outcome
	switch q.operation {
	case opValidate:
		o = guarded(q, func() Outcome { return s.validate(ctx, q) })
	case opEvaluate:
		o = guarded(q, func() Outcome { return s.evaluate(ctx, q) }).settle(q.promise.WarnOnly)
	case opTerminate:
		o = guarded(q, func() Outcome { return s.terminate(ctx) })
	default:
		o = notUnderstood(q)
	}
	return answer{q.operation, q.promise.Promiser, o}
}

// validate says what is wrong with a promise and where it stands: the agent tells
// its place only with --verbose.
func (s *Server) validate(ctx context.Context, q request) Outcome {
	err := q.refused
	if err == nil {
		err = s.Type.Validate(ctx, q.promise)
	}
	if err == nil {
		return Outcome{result: valid}
	}
	told := Error(err.Error()).or("Invalid (the module does not say why)")
	for i := range told.lines {
		told.lines[i] += " (" + visible(q.promise.Where()) + ")"
	}
	return Outcome{result: invalid, logs: []Log{told}}
}

func (s *Server) evaluate(ctx context.Context, q request) Outcome {
	if q.refused != nil {
		return NotKept(q.refused.Error())
	}
	return s.Type.Evaluate(ctx, q.promise)
}

func (s *Server) terminate(ctx context.Context) Outcome {
	o := Outcome{result: success}
	if t, ok := s.Type.(Terminator); ok {
		o.logs = t.Terminate(ctx)
	}
	return o
}

func notUnderstood(q request) Outcome {
	if q.refused != nil {
		return failed(Error(q.refused.Error()))
	}
	return failed(Error("cf-agent asks for the operation '" + shorten(q.operation, 80) + "', which this module does not know: install a newer module"))
}

// guarded turns a panic of a Type into an outcome.
func guarded(q request, f func() Outcome) (o Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			told := fmt.Sprintf("A bug in the module: panic in %s: %v", q, cause)
			o = failed(Critical(told), Debug(string(debug.Stack())))
		}
	}()
	return f()
}
