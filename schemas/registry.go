package schemas

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

//go:embed */*.json
var builtin embed.FS

// Registry finds schemas by id and version: those of this project and those of
// the folders it was made of. It is safe for concurrent use. It reads a folder
// once; what changes there later is seen by a new Registry.
type Registry struct {
	families map[string]*family
	problems []error
}

// NewRegistry looks which schemas there are: the built-in ones and those in
// folders, each laid out <id>/<version>.json. A folder that is not there or
// cannot be read is an error; see IfThere. A single file or folder in it that
// cannot be used is none, for it must not keep a node from sending what it
// can: All reports it, and Find where it is asked for.
func NewRegistry(folders ...string) (*Registry, error) {
	r := &Registry{families: map[string]*family{}}
	places := []place{{files: builtin, name: "built-in:"}}
	for _, folder := range folders {
		places = append(places, place{files: os.DirFS(folder), name: folder + string(os.PathSeparator)})
	}
	for i, p := range places {
		ids, problems, err := p.ids()
		if err != nil {
			return nil, fmt.Errorf("schemas folder %s: %w", folders[i-1], err)
		}
		r.problems = append(r.problems, problems...)
		for _, id := range ids {
			if r.families[id] == nil {
				r.families[id] = &family{id: id}
			}
			r.families[id].places = append(r.families[id].places, p)
		}
	}
	return r, nil
}

// IfThere returns those of the folders that exist. The module asks so, for most
// nodes have no schemas of their site's; a listener names its folder in the
// configuration and wants to hear that it is missing. A folder that cannot be
// looked at counts as there: NewRegistry will say why.
func IfThere(folders ...string) []string {
	return slices.DeleteFunc(slices.Clone(folders), func(folder string) bool {
		_, err := os.Stat(folder)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// Find returns the schema of that id and version; version "" is the newest. The
// error is *Unknown when there is none; any other says what is wrong with the
// file, by its path. Ids and versions may come from the wire: they are compared
// with the names found, never made into a path.
func (r *Registry) Find(id, version string) (*Schema, error) {
	f := r.families[id]
	if f == nil {
		return nil, &Unknown{ID: id, Version: version, Known: slices.Sorted(maps.Keys(r.families))}
	}
	if err := f.list(); err != nil {
		return nil, err
	}
	for i := len(f.entries) - 1; i >= 0; i-- {
		if e := f.entries[i]; version == "" || e.version.text == version {
			return e.load()
		}
	}
	return nil, &Unknown{ID: id, Version: version, Known: f.versions()}
}

// All returns every schema that can be loaded, by id and then by version, and
// the rest as one error. A listener calls it, and Compile on each, at its start.
func (r *Registry) All() ([]*Schema, error) {
	var all []*Schema
	faults := slices.Clone(r.problems)
	for _, id := range slices.Sorted(maps.Keys(r.families)) {
		f := r.families[id]
		faults = append(faults, f.list())
		faults = append(faults, f.problems...)
		for _, e := range f.entries {
			s, err := e.load()
			if err != nil {
				faults = append(faults, err)
				continue
			}
			all = append(all, s)
		}
	}
	return all, errors.Join(faults...)
}

// Unknown says that there is no such schema, and which there are. Its text
// names no local files, so it may travel.
type Unknown struct {
	ID, Version string
	Known       []string // versions where the id is known, else ids
}

// Error tells at most twenty of the known ones.
func (e *Unknown) Error() string {
	known, more := e.Known, ""
	if len(known) > 20 {
		known, more = known[:20], fmt.Sprintf(" and %d more", len(e.Known)-20)
	}
	there := "; there is none"
	if len(known) > 0 {
		there = "; there are " + strings.Join(known, ", ") + more
	}
	if len(known) > 0 && validVersion(known[0]) {
		return fmt.Sprintf("no version %s of schema %s%s", quote(e.Version), quote(e.ID), there)
	}
	return "no schema " + quote(e.ID) + there
}

// version is major.minor, compared as numbers: 1.10 is newer than 1.9.
type version struct {
	text         string
	major, minor int
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor))
}
