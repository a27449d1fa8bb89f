package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/webhuis/cfengine-messages/promise"
)

// maxContent bounds what send reads from a file or stdin, in bytes.
const maxContent = 64 << 20

// errRefused is how send ends when the listener refused.
var errRefused = errors.New("refused")

// sendByHand sends one message the way a promise does and prints the receipt.
// Unlike a promise it sends even what the listener holds, unless told otherwise.
func sendByHand(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	given, asJSON, err := parseSend(args, in)
	if err != nil {
		return err
	}
	m := newMessages()
	j, err := m.jobByHand(given)
	if err != nil {
		return err
	}
	if _, held := m.holds(j); held {
		return printKept(out, j, asJSON)
	}
	if j.pattern == patternAsync {
		j.pattern = patternRequest // a person waits for the receipt
	}
	return errors.Join(printSent(out, j, m.send(ctx, j), asJSON), m.closeClients(maxLinger))
}

// jobByHand understands attributes as a promise whose promiser is the schema,
// so that both remember the same delivery. Only what other words on the command
// line would mend is a fault of usage.
func (m *messages) jobByHand(given map[string]json.RawMessage) (job, error) {
	p := promise.Promise{Type: "messages", Attributes: given}
	a := tableDefaults()
	if err := a.set(p); err != nil {
		return job{}, fmt.Errorf("%w\n%w", err, errUsage)
	}
	p.Promiser = a.schemaID
	return m.newJob(p)
}

// parseSend turns the words of the command line into attributes.
func parseSend(args []string, in io.Reader) (given map[string]json.RawMessage, asJSON bool, err error) {
	// A person sees what failed, and sends again or not.
	given = map[string]json.RawMessage{"repeat": json.RawMessage(`"always"`), "outbox": json.RawMessage(`"false"`)}
	var endpoints []string
	for len(args) > 0 {
		var name, value string
		if args[0] == "--json" {
			asJSON, args = true, args[1:]
			continue
		}
		if name, value, args, err = flag(args); err != nil {
			return nil, false, err
		}
		if name == "to" {
			endpoints = append(endpoints, value)
			continue
		}
		if given[name], err = argument(name, value, in); err != nil {
			return nil, false, err
		}
	}
	for _, required := range []string{"schema", "content"} {
		if _, ok := given[required]; !ok {
			return nil, false, fmt.Errorf("--%s is missing: %w", required, errUsage)
		}
	}
	switch len(endpoints) {
	case 0:
	case 1: // may be the object of endpoints and key
		given["to"], err = json.Marshal(endpoints[0])
	default:
		given["to"], err = json.Marshal(endpoints)
	}
	return given, asJSON, err
}

// flag takes --name value or --name=value off the arguments.
func flag(args []string) (name, value string, rest []string, err error) {
	word, isFlag := strings.CutPrefix(args[0], "--")
	name, value, inline := strings.Cut(word, "=")
	switch {
	case !isFlag || name == "":
		return "", "", nil, fmt.Errorf("unexpected word %q: %w", args[0], errUsage)
	case inline:
		return name, value, args[1:], nil
	case len(args) == 1:
		return "", "", nil, fmt.Errorf("--%s needs a value: %w", name, errUsage)
	}
	return name, args[1], args[2:], nil
}

// argument is an attribute as policy would give it: a string.
func argument(name, value string, in io.Reader) (json.RawMessage, error) {
	if name == "content" {
		var err error
		if value, err = readContent(value, in); err != nil {
			return nil, err
		}
	}
	return json.Marshal(value)
}

// readContent reads @FILE and -; anything else is the content itself.
func readContent(value string, in io.Reader) (string, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("--content: %w", err)
		}
		defer f.Close()
		in = f
	} else if value != "-" {
		return value, nil
	}
	data, err := io.ReadAll(io.LimitReader(in, maxContent+1))
	if err == nil && len(data) > maxContent {
		err = fmt.Errorf("over %d bytes", maxContent)
	}
	if err != nil {
		return "", fmt.Errorf("--content: %w", err)
	}
	return string(data), nil
}
