package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// family is all versions of one id. It is listed when first asked for.
type family struct {
	id     string
	places []place // where there is a folder of that id; built-in ones first

	once     sync.Once
	entries  []*entry // oldest first
	problems []error  // files that are passed over
	err      error    // a published version was changed: none of the id is used
}

// list finds the versions. Its error concerns every version: where one place
// contradicts another, nobody can tell which of them the sender meant.
func (f *family) list() error {
	f.once.Do(func() {
		byVersion := map[string]*entry{}
		for _, p := range f.places {
			versions, problems := p.versions(f.id)
			f.problems = append(f.problems, problems...)
			for _, v := range versions {
				f.err = errors.Join(f.err, f.add(byVersion, v, p))
			}
		}
		slices.SortFunc(f.entries, func(a, b *entry) int { return a.version.compare(b.version) })
		if f.err != nil {
			f.entries = nil
		}
	})
	return f.err
}

// add takes up one file. The same version may lie in two places, byte for byte:
// a published version never changes (DESIGN.md section 8).
func (f *family) add(byVersion map[string]*entry, v version, p place) error {
	first := byVersion[v.text]
	if first == nil {
		byVersion[v.text] = &entry{id: f.id, version: v, place: p}
		f.entries = append(f.entries, byVersion[v.text])
		return nil
	}
	was, err := first.place.read(first.path())
	if err != nil {
		return err
	}
	is, err := p.read(first.path())
	if err != nil {
		return err
	}
	if !bytes.Equal(was, is) {
		return fmt.Errorf("%s differs from %s: a published version never changes; give it a new version",
			p.file(first.path()), first.place.file(first.path()))
	}
	return nil
}

func (f *family) versions() []string {
	versions := make([]string, len(f.entries))
	for i, e := range f.entries {
		versions[i] = e.version.text
	}
	return versions
}

// entry is one file, loaded when first asked for.
type entry struct {
	id      string
	version version
	place   place

	once   sync.Once
	schema *Schema
	err    error
}

func (e *entry) path() string { return e.id + "/" + e.version.text + ".json" }

func (e *entry) load() (*Schema, error) {
	e.once.Do(func() {
		document, err := e.place.read(e.path())
		if err != nil {
			e.err = err
			return
		}
		e.schema, e.err = load(e.place.file(e.path()), e.id, e.version.text, document)
		if e.err == nil {
			e.schema.builtin = e.place.files == builtin
		}
	})
	return e.schema, e.err
}
