package handler

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/webhuis/cfengine-messages/durable"
)

// cursorFolder is where in a listener's state folder the cursors lie.
const cursorFolder = "handlers"

// cursorName names the file of a cursor by a digest, so that no name out of a
// configuration or a schema becomes part of a path.
func cursorName(schema, name string) string {
	digest := sha256.Sum256([]byte(schema + "\x00" + name))
	return hex.EncodeToString(digest[:]) + ".json"
}

// readCursor reads a file and refuses whatever writeCursor would not have
// written. The error is fs.ErrNotExist where there is none.
func readCursor(path string) (Cursor, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Cursor{}, fmt.Errorf("handler: reading a cursor: %w", err)
	}
	c, err := parseCursor(text)
	if err == nil && filepath.Base(path) != cursorName(c.Schema, c.Name) {
		err = fmt.Errorf("the file's name is not that of schema %q and handler %q", c.Schema, c.Name)
	}
	if err != nil {
		return Cursor{}, fmt.Errorf("handler: the cursor %s is damaged, so it is not known which messages were handled: %w; "+
			"stop the listener and put the file right (up to position all is handled; 0 handles everything again), "+
			"or remove it: then the handler goes on with what comes after its next start", path, err)
	}
	return c, nil
}

func parseCursor(text []byte) (Cursor, error) {
	c := Cursor{First: -1, Position: -1} // so that missing ones are found
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Cursor{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Cursor{}, errors.New("something follows after its end")
	}
	return c, c.check()
}

// writeCursor replaces the file so that after a power failure it is the old one
// or the new one.
func writeCursor(path string, c Cursor) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("handler: writing a cursor: %w", err)
	}
	if err := durable.Write(path, append(text, '\n')); err != nil {
		return fmt.Errorf("handler: writing a cursor: %w", err)
	}
	return nil
}

// makeCursorFolder makes the folder of the cursors in a state folder that is there.
func makeCursorFolder(state string) (string, error) {
	folder := filepath.Join(state, cursorFolder)
	err := os.Mkdir(folder, 0o700)
	if errors.Is(err, os.ErrExist) {
		return folder, nil
	}
	if err == nil {
		err = durable.SyncFolder(state)
	}
	if err != nil {
		return "", fmt.Errorf("handler: making the folder of the cursors: %w", err)
	}
	return folder, nil
}

// removeLeftovers removes what a killed writer of this cursor left behind:
// renameio's temporary files, named with a dot before and a number after.
func removeLeftovers(path string) error {
	folder, name := filepath.Split(path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("handler: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name) {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return err
}
