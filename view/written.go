package view

import (
	"errors"
	"slices"
	"strings"
)

// checkNames looks at the names a file gives and refers to.
func (d *document) checkNames() error {
	var faults []error
	for i, schema := range d.PublishOn {
		if !validName.MatchString(schema) {
			faults = append(faults, d.place("publish_on", i).fault("publish_on: %q is no schema's id", schema))
		}
	}
	for i, name := range d.Parameters {
		p := d.place("parameters", i)
		switch {
		case !validName.MatchString(name):
			faults = append(faults, p.fault("parameters: %q is no name of a parameter", name))
		case name == sender:
			faults = append(faults, p.fault("parameters: sender is there without being named: it is the host that asks"))
		case slices.Contains(d.Parameters[:i], name):
			faults = append(faults, p.fault("parameters: %s stands there twice", name))
		}
	}
	return errors.Join(append(faults, d.checkMerge())...)
}

func (d *document) checkMerge() error {
	var faults []error
	for i, name := range d.Merge {
		p := d.place("merge", i)
		c, there := d.Containers[name]
		switch {
		case !there:
			faults = append(faults, p.fault("merge: there is no container %q", name))
		case !c.Single:
			faults = append(faults, p.fault("merge: container %s is a list; only a container that is single can be merged", name))
		case slices.Contains(d.Merge[:i], name):
			faults = append(faults, p.fault("merge: %s stands there twice", name))
		}
	}
	return errors.Join(faults...)
}

// container reads one container of v.
func (d *document) container(name string, v *View) (Container, error) {
	if !validName.MatchString(name) {
		return Container{}, d.place("containers").fault("containers: %q is no name: a lower-case letter, then at most 63 lower-case letters, digits and underscores", name)
	}
	w := d.Containers[name]
	c := Container{Name: name, Single: w.Single, JSON: w.JSON, SQL: w.SQL, place: d.place("containers", name, "sql")}
	if strings.TrimSpace(w.SQL) == "" {
		return c, d.place("containers", name).fault("container %s: sql is missing", name)
	}
	if name == mergedName && len(v.Merge) > 0 {
		return c, d.place("containers", name).fault("container merged: that is the name of what merge makes")
	}
	var wrong *sqlFault
	c.statement, wrong = scan(c.SQL, append([]string{sender}, v.Parameters...))
	if wrong != nil {
		return c, c.place.within(c.SQL, wrong.offset).fault("container %s: %s", name, wrong.text)
	}
	return c, nil
}

// checkWhole looks at what no part shows alone.
func (d *document) checkWhole(v *View) error {
	if len(v.Containers) == 0 {
		return place{file: d.file}.fault("containers: none; a view has at least one, as host: {sql: SELECT content FROM host}")
	}
	asks := func(parameter string) bool {
		return slices.ContainsFunc(v.Containers, func(c Container) bool { return slices.Contains(c.statement.parameters, parameter) })
	}
	var faults []error
	if v.For.Sender && !asks(sender) {
		faults = append(faults, d.place("for").fault("for: sender, but no sql names :sender, so that every host would be told the same: if that is meant, write for: trusted"))
	}
	for i, name := range d.Parameters {
		if validName.MatchString(name) && !asks(name) {
			faults = append(faults, d.place("parameters", i).fault("parameters: no sql names :%s", name))
		}
	}
	return errors.Join(faults...)
}
