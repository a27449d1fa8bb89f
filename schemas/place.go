package schemas

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// Limits of a folder: far beyond any site's, near enough to end a mistake such
// as naming / as the folder.
const (
	maxIDs      = 1024
	maxVersions = 256       // files in one id's folder
	maxDocument = 256 << 10 // bytes of one schema
)

// place is one folder of schemas.
type place struct {
	files fs.FS
	name  string // what stands before a file's path when it is named to people
}

func (p place) file(name string) string { return p.name + name }

// ids lists the folders that are schemas. Plain files beside them, such as a
// README, and hidden ones are none of ours; a folder with another name is
// reported, for somebody may wonder why its schema is not found.
func (p place) ids() (ids []string, problems []error, err error) {
	entries, err := p.list(".", maxIDs)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, ".") || !p.isFolder(e):
		case !validID(name):
			problems = append(problems, fmt.Errorf("%s: passed over: a schema's folder is named by its id, [a-z][a-z0-9_]{0,63}", p.file(name)))
		default:
			ids = append(ids, name)
		}
	}
	return ids, problems, nil
}

// versions lists the files of one id. Whatever does not end in .json is passed
// over silently: editors and cf-agent leave copies beside what they change.
func (p place) versions(id string) (versions []version, problems []error) {
	entries, err := p.list(id, maxVersions)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: passed over: %w", p.file(id), err)}
	}
	for _, e := range entries {
		base, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !isJSON || strings.HasPrefix(base, ".") {
			continue
		}
		v, ok := parseVersion(base)
		if !ok {
			problems = append(problems, fmt.Errorf("%s: passed over: a schema's file is named by its version, as in 1.0.json", p.file(id+"/"+e.Name())))
			continue
		}
		versions = append(versions, v)
	}
	return versions, problems
}

// list reads a folder, but never more than limit entries of it.
func (p place) list(folder string, limit int) ([]fs.DirEntry, error) {
	f, err := p.files.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, errors.New("not a folder")
	}
	entries, err := d.ReadDir(limit + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(entries) > limit {
		return nil, fmt.Errorf("holds more than %d entries; is it a folder of schemas?", limit)
	}
	return entries, nil
}

// isFolder follows links: sites deploy with them.
func (p place) isFolder(e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := fs.Stat(p.files, e.Name())
	return err == nil && info.IsDir()
}

// read returns a file's bytes. It opens regular files only: a pipe would hold
// us for ever.
func (p place) read(name string) ([]byte, error) {
	info, err := fs.Stat(p.files, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.file(name), err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", p.file(name))
	}
	f, err := p.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.file(name), err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.file(name), err)
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("%s: larger than %d KiB", p.file(name), maxDocument>>10)
	}
	return b, nil
}

// validID is DESIGN.md section 3's pattern of a schema id.
func validID(s string) bool {
	return s != "" && len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func validVersion(s string) bool {
	_, ok := parseVersion(s)
	return ok
}

// parseVersion reads major.minor, five digits each at most and no leading
// zeros, so that each version has one spelling (as package message has it).
func parseVersion(s string) (version, bool) {
	major, minor, _ := strings.Cut(s, ".")
	v := version{text: s}
	var ok1, ok2 bool
	v.major, ok1 = count(major)
	v.minor, ok2 = count(minor)
	return v, ok1 && ok2
}

func count(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && len(s) <= 5 && strconv.FormatUint(n, 10) == s
}
