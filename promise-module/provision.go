package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// Where policy finds what is provided: $(data:messages.<promiser>[...]), and
// the classes data:messages_<promiser> and data:messages_<promiser>_<name>. All
// that a listener can name lies below, and only entries of this tag are ours.
const (
	providedBundle = "messages."
	providedClass  = "messages_"
	providedTag    = "source=messages"
)

// Bounds of the classes of one view: how many, and the bytes of a name.
const (
	maxProvidedClasses = 1000
	maxProvidedName    = 200
)

// hostSpecificLimits are CFEngine's own for the file, and room for a view as
// deep as any.
var hostSpecificLimits = message.Limits{Size: maxView, Depth: 2 * receiptLimits.Depth}

// withView puts a view under its name into the document and makes our classes
// anew by all views in it. What others wrote stays, byte for byte.
func withView(old []byte, name string, view []byte) ([]byte, error) {
	doc, err := parseDocument(old)
	if err != nil {
		return nil, err
	}
	if _, err := doc.shared("vars"); err != nil {
		return nil, err
	}
	variables, err := doc.shared("variables")
	if err != nil {
		return nil, err
	}
	classes, err := doc.shared("classes")
	if err != nil {
		return nil, err
	}
	variables = variables.with(providedBundle+name, provision(`"value":`+string(bytes.TrimSpace(view))))
	names, err := providedClasses(variables)
	if err != nil {
		return nil, err
	}
	classes = slices.DeleteFunc(classes, member.isOurs)
	for _, class := range names {
		classes = classes.with(class, provision(`"class_expressions":["any::"]`))
	}
	data := append(doc.with("variables", variables.bytes()).with("classes", classes.bytes()).bytes(), '\n')
	if err := message.CheckJSON(data, hostSpecificLimits); err != nil {
		return nil, fmt.Errorf("CFEngine would not read it with this view: %w", err)
	}
	return data, nil
}

// provision is an entry of ours.
func provision(what string) []byte {
	return []byte("{" + what + `,"tags":["` + providedTag + `"]}`)
}

// shared is a section of the file in which nobody else uses our place.
func (d document) shared(section string) (document, error) {
	s, err := d.section(section)
	if err != nil {
		return nil, fmt.Errorf("its section %q is not as CFEngine reads it (%w): mend it", section, err)
	}
	for _, m := range s {
		if m.inOurPlace() && !m.isOurs() {
			return nil, fmt.Errorf("%q in its section %q was put there by something else: rename it, for such names are those of messages: promises", m.name, section)
		}
	}
	return s, nil
}

// inOurPlace tells whether a variable or class would be taken for one of ours.
func (m member) inOurPlace() bool {
	name := strings.TrimPrefix(m.name, "data:")
	return strings.HasPrefix(name, providedBundle) || strings.HasPrefix(promise.Canonify(name), providedClass)
}

func (m member) isOurs() bool {
	var entry struct {
		Tags []string `json:"tags"`
	}
	return m.inOurPlace() && json.Unmarshal(m.value, &entry) == nil && slices.Contains(entry.Tags, providedTag)
}

// providedClasses are those of all our variables: one for each view, and one
// for each text in the view's list "classes".
func providedClasses(variables document) ([]string, error) {
	var all []string
	for _, m := range variables {
		if !m.isOurs() {
			continue
		}
		of := providedClass + strings.TrimPrefix(m.name, providedBundle)
		names, err := classesOf(m.value)
		if err != nil {
			return nil, err
		}
		all = append(all, of)
		for _, name := range names {
			all = append(all, of+"_"+promise.Canonify(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// classesOf reads the list "classes" of a view that is an object and has one.
func classesOf(entry []byte) ([]string, error) {
	var whole struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(entry, &whole); err != nil {
		return nil, err
	}
	var view map[string]json.RawMessage
	if json.Unmarshal(whole.Value, &view) != nil || view["classes"] == nil {
		return nil, nil
	}
	var names []string
	err := json.Unmarshal(view["classes"], &names)
	tooLong := func(name string) bool { return name == "" || len(name) > maxProvidedName }
	if err != nil || len(names) > maxProvidedClasses || slices.ContainsFunc(names, tooLong) {
		return nil, fmt.Errorf(`"classes" of the view: expected a list of at most %d names of 1 to %d bytes`, maxProvidedClasses, maxProvidedName)
	}
	return names, nil
}

// same compares but for white space between the values.
func same(a, b []byte) bool {
	x, y := jsontext.Value(a).Clone(), jsontext.Value(b).Clone()
	return errors.Join(x.Compact(), y.Compact()) == nil && bytes.Equal(x, y)
}
