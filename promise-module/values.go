package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/promise"
)

// reading takes the values of a promise's attributes and gathers what is
// wrong with them. A value that is not given, or is wrong, leaves its variable
// as it is.
type reading struct {
	p      promise.Promise
	faults []error
}

func (r *reading) fault(err error) {
	if err != nil {
		r.faults = append(r.faults, err)
	}
}

func (r *reading) given(name string) bool {
	_, given := r.p.Attributes[name]
	return given
}

// text reads a string, which is not empty where it is given, and tells whether
// there was one to take.
func (r *reading) text(name string, into *string) bool {
	value, err := r.p.Text(name, *into)
	if err == nil && r.given(name) && value == "" {
		err = fmt.Errorf("attribute %q is empty: give it a value or leave it out", name)
	}
	r.fault(err)
	if err != nil || !r.given(name) {
		return false
	}
	*into = value
	return true
}

func (r *reading) option(name string, into *string, options ...string) {
	if r.text(name, into) && !slices.Contains(options, *into) {
		r.fault(fmt.Errorf("attribute %q: expected %s, got %q", name, strings.Join(options, " or "), *into))
	}
}

// path reads an absolute path: cf-agent's working directory is nobody's
// business.
func (r *reading) path(name string, into *string) {
	if r.text(name, into) && !filepath.IsAbs(*into) {
		r.fault(fmt.Errorf("attribute %q: expected an absolute path, got %q", name, *into))
	}
}

func (r *reading) bool(name string, into *bool) {
	value, err := r.p.Bool(name, *into)
	r.fault(err)
	if err == nil {
		*into = value
	}
}

func (r *reading) number(name string, into *int, low, high int) {
	value, err := r.p.Int(name, int64(*into))
	if err == nil && r.given(name) && (value < int64(low) || value > int64(high)) {
		err = fmt.Errorf("attribute %q: expected %d to %d, got %d", name, low, high, value)
	}
	r.fault(err)
	if err == nil {
		*into = int(value)
	}
}

// duration reads a whole number of units.
func (r *reading) duration(name string, into *time.Duration, unit time.Duration, low, high int) {
	n := int(*into / unit)
	r.number(name, &n, low, high)
	*into = time.Duration(n) * unit
}

func (r *reading) err() error { return errors.Join(r.faults...) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
