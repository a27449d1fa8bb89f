package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// hostSpecific is the file from which every CFEngine program takes variables
// and classes as it starts (cmdb.c, LoadCMDBData; 3.18 and later).
func (w workDir) hostSpecific() string { return filepath.Join(string(w), "data", "host_specific.json") }

// providedName is the promise's place among what is provided; as long as its
// view's file name, and never empty.
func providedName(promiser string) string {
	return cmp.Or(strings.TrimSuffix(viewName(promiser), ".json"), "_")
}

// provide puts the view that lies in the promise's reply_file among the
// variables and classes of the next run, and tells whether that changed
// anything. Without write, nothing is written. Two agents at once take turns.
func (m *messages) provide(ctx context.Context, j job, write bool) (changed bool, err error) {
	data, err := m.provided(j)
	if err != nil || data == nil || !write {
		return data != nil && err == nil, err
	}
	unlock, err := durable.Lock(ctx, filepath.Join(m.work.state(), "provide.lock"))
	if err != nil {
		return false, err
	}
	defer unlock()
	if data, err = m.provided(j); err != nil || data == nil {
		return false, err
	}
	return true, durable.Write(m.work.hostSpecific(), data)
}

// provideAgain mends what is provided where the promise has nothing to send,
// and tells whether there was something to mend.
func (m *messages) provideAgain(ctx context.Context, j job, warnOnly bool) (o promise.Outcome, repaired bool) {
	if !j.provide {
		return promise.Outcome{}, false
	}
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	changed, err := m.provide(ctx, j, !warnOnly)
	switch {
	case err != nil:
		return promise.NotKept(fmt.Sprintf("Message %s: its view is not provided: %v", j.promiser, err)), true
	case changed && warnOnly:
		return promise.Warned(fmt.Sprintf("Message %s: its view should be provided in %s", j.promiser, m.work.hostSpecific())), true
	case changed:
		return promise.Repaired(fmt.Sprintf("Message %s: its view is provided to the next run in %s", j.promiser, m.work.hostSpecific())), true
	}
	return promise.Outcome{}, false
}

// provided is what the file has to hold, or nil where it does, or where there
// is no view yet.
func (m *messages) provided(j job) ([]byte, error) {
	view, err := readRegular(j.replyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		view, err = safeForPolicy(view)
	}
	if err != nil {
		return nil, fmt.Errorf("the view cannot be provided: %s: %w", j.replyFile, err)
	}
	if err := community(m.work); err != nil {
		return nil, err
	}
	old, err := readHostSpecific(m.work.hostSpecific())
	if err == nil {
		view, err = withView(old, providedName(j.promiser), view)
	}
	if err != nil {
		return nil, fmt.Errorf("%s stays as it is: %w", m.work.hostSpecific(), err)
	}
	if same(old, view) {
		return nil, nil
	}
	return view, nil
}

// community refuses where CFEngine Enterprise puts the file in place itself,
// and would remove ours: where the library lies that makes a program an
// Enterprise one (extensions.c, extension_library_open).
func community(work workDir) error {
	for _, folder := range append([]string{string(work)}, usualWorkDirs...) {
		library := filepath.Join(folder, "lib", "cfengine-enterprise.so")
		if _, err := os.Stat(library); err == nil {
			return fmt.Errorf(`CFEngine Enterprise owns %s on this host (there is %s): leave out "provide" and read the view by readjson()`, work.hostSpecific(), library)
		}
	}
	return nil
}

// readHostSpecific reads the file, which need not be there. One that is damaged
// is left for its owner to see: nothing in it may be lost.
func readHostSpecific(file string) ([]byte, error) {
	data, err := readRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte("{}"), nil
	}
	if err != nil {
		return nil, err
	}
	if err := message.CheckJSON(data, hostSpecificLimits); err != nil {
		return nil, fmt.Errorf("it is damaged (%w): mend or remove it, CFEngine cannot rely on it either", err)
	}
	return data, nil
}

// readRegular reads a file that CFEngine would read: no link, which somebody
// looks after, no pipe, which would be waited for, and none too large.
func readRegular(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxView:
		return nil, fmt.Errorf("%d bytes are more than CFEngine reads (%d)", info.Size(), maxView)
	}
	return os.ReadFile(file)
}
