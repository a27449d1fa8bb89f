package view

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed host_context.yaml cmdb.yaml hostgroups.yaml zone.yaml
var shipped embed.FS

// sizeLimit bounds a view's file, in bytes.
const sizeLimit = 1 << 20

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Load reads the views of this project and those in folder, one file
// <name>.yaml each; what does not end so is passed over. A file of the same name
// replaces one of this project; without containers it only says anew what it
// does say (who may ask, above all). folder "" means none. All faults are told
// at once, with file, line and column.
func Load(folder string) (*Set, error) {
	s := &Set{views: map[string]*View{}}
	if err := s.load(shipped, "built-in:"); err != nil || folder == "" {
		return s, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("views: %w", err)
	}
	defer root.Close()
	if err := s.load(root.FS(), folder+string(filepath.Separator)); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Set) load(folder fs.FS, prefix string) error {
	files, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return fmt.Errorf("views: %s: %w", prefix, err)
	}
	var faults []error
	for _, file := range files {
		v, err := s.read(folder, file, prefix+file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.views[v.Name] = v
	}
	return errors.Join(faults...)
}

func (s *Set) read(folder fs.FS, file, path string) (*View, error) {
	name := strings.TrimSuffix(file, ".yaml")
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%s: its name is the view's: a lower-case letter, then at most 63 lower-case letters, digits and underscores", path)
	}
	info, err := fs.Stat(folder, file)
	if err == nil && info.Size() > sizeLimit {
		err = fmt.Errorf("%d bytes; a view has at most %d", info.Size(), sizeLimit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, err := fs.ReadFile(folder, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parse(name, path, data, s.views[name])
}
