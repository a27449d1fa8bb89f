package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/schemas"
)

// maxSiteFile bounds a file of site data, in bytes: an array may hold many
// messages.
const maxSiteFile = 64 << 20

// putItem is one message to be, and what became of it.
type putItem struct {
	file    string // for people; of an array with the element's number
	schema  string
	content json.RawMessage // on one line

	template *schemas.Schema // nil until it is found
	entity   string
	about    bool // entity is known

	id     string // of what was sent
	status string
	code   message.Code
	reason string
}

// refuse tells by an error why an item cannot be sent.
func (i *putItem) refuse(err error) {
	i.status, i.reason = string(message.Refused), err.Error()
	if r := (*message.Refusal)(nil); errors.As(err, &r) {
		i.code, i.reason = r.Code, r.Reason
	}
}

// gather reads all that is to be put. What cannot be read at all is an error;
// what is no JSON is an item that is refused, like any other.
func (d *putter) gather(args []string, stdin io.Reader) (items []*putItem, err error) {
	if d.all != "" {
		return d.gatherAll(d.all)
	}
	if _, err := d.registry.Find(args[0], d.version); err != nil {
		return nil, usageError{fmt.Errorf("put: %w", err)}
	}
	for _, file := range args[1:] {
		data, err := readSiteFile(file, stdin)
		if err != nil {
			return nil, fmt.Errorf("put: %w", err)
		}
		items = append(items, d.items(file, args[0], data)...)
	}
	return items, nil
}

func readSiteFile(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSiteFile+1))
	if err == nil && len(data) > maxSiteFile {
		err = fmt.Errorf("%s: larger than %d MiB: make several of it", file, maxSiteFile>>20)
	}
	return data, err
}

// gatherAll reads a folder in the order of its names.
func (d *putter) gatherAll(folder string) (items []*putItem, err error) {
	folder, err = filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, fmt.Errorf("put: %w", err)
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != folder && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir // .git
			}
			return nil
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		schema, _, deep := strings.Cut(inside, string(filepath.Separator))
		if data, err := isSiteData(path, entry, deep); err != nil || !data {
			return err
		}
		data, err := readSiteFile(path, nil)
		items = append(items, d.items(inside, schema, data)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("put: %w", err)
	}
	return items, nil
}

// isSiteData tells whether a path in a folder of site data is to be read. What
// holds no data, such as README.md, is not; what looks as if it were data and
// would be passed over is an error.
func isSiteData(path string, entry fs.DirEntry, inSchema bool) (bool, error) {
	if entry.IsDir() {
		return false, nil
	}
	info, err := os.Stat(path) // of what a symbolic link leads to
	if err != nil {
		return false, err
	}
	switch extension := filepath.Ext(path); {
	case info.IsDir():
		return false, fmt.Errorf("%s: a symbolic link to a folder is not followed: put the folder itself here", path)
	case extension == ".yaml" || extension == ".yml":
		return false, fmt.Errorf("%s: site data is JSON, in files *.json", path)
	case extension != ".json":
		return false, nil
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s: not a file", path)
	case !inSchema:
		return false, fmt.Errorf("%s: it lies in no schema's folder: move it to <schema>/%s", path, filepath.Base(path))
	}
	return true, nil
}

// items makes the items of a file: one, or one for each element of an array
// where that is asked for.
func (d *putter) items(file, schema string, data []byte) []*putItem {
	limits := message.Limits{Size: maxSiteFile, Depth: d.limits.Depth + 1} // the array is no part of the contents
	if err := message.CheckJSON(data, limits); err != nil {
		broken := &putItem{file: file, schema: schema}
		broken.refuse(err)
		return []*putItem{broken}
	}
	var line bytes.Buffer
	_ = json.Compact(&line, data) // it is JSON
	var elements []json.RawMessage
	if !d.split || line.Bytes()[0] != '[' || json.Unmarshal(line.Bytes(), &elements) != nil {
		return []*putItem{{file: file, schema: schema, content: line.Bytes()}}
	}
	items := make([]*putItem, len(elements))
	for i, element := range elements {
		items[i] = &putItem{file: fmt.Sprintf("%s[%d]", file, i), schema: schema, content: element}
	}
	return items
}
