package view

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// sender is the parameter that every view has, and mergedName the container that
// merge makes.
const (
	sender     = "sender"
	mergedName = "merged"
)

// written is a view's file. Members that were left out are nil.
type written struct {
	For        any                         `yaml:"for"`
	PublishOn  []string                    `yaml:"publish_on"`
	Parameters []string                    `yaml:"parameters"`
	Merge      []string                    `yaml:"merge"`
	Containers map[string]writtenContainer `yaml:"containers"`
}

type writtenContainer struct {
	Single bool     `yaml:"single"`
	JSON   []string `yaml:"json"`
	SQL    string   `yaml:"sql"`
}

// document is a file with what is needed to say where something stands in it.
type document struct {
	written
	file string
	tree *ast.File
}

// parse reads one file. base is the view that it replaces, or nil.
func parse(name, file string, data []byte, base *View) (*View, error) {
	d, err := decode(file, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	v := &View{Name: name, File: file, PublishOn: d.PublishOn, Parameters: d.Parameters, Merge: d.Merge}
	v.For, err = d.audience()
	faults := []error{err, d.checkNames()}
	if len(d.Containers) == 0 && base != nil {
		faults = append(faults, d.takeOver(v, base))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Containers)) {
		c, err := d.container(name, v)
		faults = append(faults, err)
		v.Containers = append(v.Containers, c)
	}
	faults = append(faults, d.checkWhole(v))
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return v, nil
}

// decode reads YAML. Unknown keys, keys that occur twice and values of the wrong
// type are errors with line and column. The library panics at some documents (a
// tag without a value where a list is wanted), which must not end a listener that
// reads its files again.
func decode(file string, data []byte) (d document, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the YAML library cannot read it (%v): is there a tag, as !x, or an alias in it?", cause)
		}
	}()
	d.file = file
	if d.tree, err = parser.ParseBytes(data, 0); err != nil {
		return d, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	err = decoder.Decode(&d.written)
	if errors.Is(err, io.EOF) {
		return d, errors.New("empty: a view has at least containers, each with sql")
	}
	if err != nil {
		return d, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return d, errors.New("something follows after ---: a view is one YAML document")
	}
	return d, nil
}

// takeOver makes v what base is, for whom the file says.
func (d *document) takeOver(v, base *View) error {
	if len(d.Parameters)+len(d.Merge) > 0 {
		return place{file: d.file}.fault("parameters and merge need containers; a file without them only says for and publish_on of %s", base.File)
	}
	v.Containers, v.Parameters, v.Merge = base.Containers, base.Parameters, base.Merge
	if v.PublishOn == nil {
		v.PublishOn = base.PublishOn
	}
	return nil
}

// audience reads for.
func (d *document) audience() (a Audience, err error) {
	switch who := d.For.(type) {
	case nil:
		return a, nil
	case string:
		a.Sender, a.Trusted = who == sender, who == "trusted"
		if a.Sender || a.Trusted {
			return a, nil
		}
	case []any:
		return d.digests(who)
	}
	return a, d.place("for").fault("for: %v is none of: sender, trusted, a list of key digests", d.For)
}

func (d *document) digests(who []any) (a Audience, err error) {
	var faults []error
	for i, one := range who {
		digest, err := hostkey.ParseDigest(fmt.Sprint(one))
		if err != nil {
			faults = append(faults, d.place("for", i).fault("for: %v", err))
		}
		a.Digests = append(a.Digests, digest)
	}
	return a, errors.Join(faults...)
}

// place finds where the value at a path of names and indexes stands.
func (d *document) place(path ...any) place {
	b := (&yaml.PathBuilder{}).Root()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			b = b.Child(step)
		case int:
			b = b.Index(uint(step))
		}
	}
	p := place{file: d.file}
	node, err := b.Build().FilterFile(d.tree)
	if err != nil || node == nil || node.GetToken() == nil {
		return p
	}
	_, p.block = node.(*ast.LiteralNode)
	at := node.GetToken().Position
	p.line, p.column = at.Line, at.Column
	return p
}
