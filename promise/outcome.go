package promise

import "slices"

// result is how an answer ends, in the words of protocol version 1.
type result string

const (
	valid       result = "valid"
	invalid     result = "invalid"
	kept        result = "kept"
	repaired    result = "repaired"
	notKept     result = "not_kept"
	moduleError result = "error"
	success     result = "success"
)

// An Outcome is how the evaluation of a promise went, with the log lines that
// cf-agent demands for it. Make one with [Kept], [Repaired], [NotKept] or
// [Warned]; the zero Outcome is told to the agent as an error of the module.
//
// Whatever is put into it, the answer is one that the agent accepts: blank texts
// are replaced, lines too loud for the result become verbose, lines beyond 4096
// are left out.
type Outcome struct {
	result  result
	logs    []Log // of a repaired or not_kept Outcome the first is the constructor's, and never blank
	classes []string
}

// Kept is for a promise that needed no change. All its log lines become at most
// verbose ones.
func Kept() Outcome { return Outcome{result: kept} }

// Repaired is for a promise that was not kept and now is; info tells the change.
func Repaired(info string) Outcome {
	return Outcome{result: repaired, logs: []Log{Info(info).or("Repaired (the module does not say what)")}}
}

// NotKept is for a promise that could not be kept; err tells why.
func NotKept(err string) Outcome {
	return Outcome{result: notKept, logs: []Log{Error(err).or("Not kept (the module does not say why)")}}
}

// Warned is for a promise under [Promise.WarnOnly] that needs a change; warning
// tells which. Without WarnOnly it is the same as NotKept.
func Warned(warning string) Outcome {
	return Outcome{result: notKept, logs: []Log{Warning(warning).or("A change is needed (the module does not say which)")}}
}

// failed is for a module that has a fault; told is a critical or error line.
func failed(told ...Log) Outcome { return Outcome{result: moduleError, logs: told} }

// With adds log lines, behind those that o has.
func (o Outcome) With(logs ...Log) Outcome {
	o.logs = slices.Concat(o.logs, logs)
	return o
}

// WithClasses adds result classes: cf-agent sets them in the promise's bundle, to
// be used in the same run. Names go through [Canonify], empty ones are ignored.
func (o Outcome) WithClasses(names ...string) Outcome {
	o.classes = slices.Clone(o.classes)
	for _, name := range names {
		if name = Canonify(name); name != "" && !slices.Contains(o.classes, name) {
			o.classes = append(o.classes, name)
		}
	}
	return o
}

// settle returns o as the agent may hear it (PromiseModule_Evaluate in
// mod_custom.c): repaired needs an info line and not_kept an error line; in warn
// mode there is neither repaired nor an info line, and a warning does for
// not_kept. That a kept promise says nothing is the project's own rule.
func (o Outcome) settle(warnOnly bool) Outcome {
	switch {
	case o.result == "":
		return failed(Critical("The module gave no outcome, a bug in the module"))
	case o.result == kept:
		o.logs = hushed(o.logs, levelCritical)
	case warnOnly && o.result == repaired:
		told := Warning("Repaired where only a warning is allowed, a bug in the module: " + o.logs[0].lines[0])
		o.result, o.logs = notKept, append([]Log{told}, hushed(o.logs, levelInfo)...)
	case warnOnly:
		o.logs = hushed(o.logs, levelInfo)
	case o.result == notKept:
		o.logs = append([]Log{{levelError, o.logs[0].lines}}, o.logs[1:]...)
	}
	return o
}

// hushed returns logs with those from the given level down to info made verbose.
func hushed(logs []Log, from level) []Log {
	quiet := slices.Clone(logs)
	for i, l := range quiet {
		if l.level >= from && l.level <= levelInfo {
			quiet[i].level = levelVerbose
		}
	}
	return quiet
}

// maxClassName is the longest class name that cf-agent takes, in bytes
// (CF_MAXVARSIZE, EvalContextClassPutTagsSet in eval_context.c).
const maxClassName = 1023

// Canonify returns text as a class name, the way CFEngine's function of that name
// does: each byte that is not a letter, digit or underscore becomes an underscore.
// The result is cut at 1023 bytes, as cf-agent takes no longer class.
func Canonify(text string) string {
	name := []byte(text[:min(len(text), maxClassName)])
	for i, c := range name {
		if !isWord(c) {
			name[i] = '_'
		}
	}
	return string(name)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
