package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// maxKeyFiles bounds the search of a key folder; a hub of that size has a
// listener's key named by file.
const maxKeyFiles = 100_000

// pair reads the host's key once, when it is needed first.
func (m *messages) pair() (*hostkey.Pair, error) {
	m.keys.Lock()
	defer m.keys.Unlock()
	if m.own != nil {
		return m.own, nil
	}
	pair, err := readPair(m.work)
	m.own = pair
	return pair, err
}

func readPair(work workDir) (*hostkey.Pair, error) {
	pair, err := hostkey.ReadPair(work.keys())
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; only root may read it: run this as root", err)
	}
	return pair, err
}

// listener finds the key that receipts must be proved by, where to names one:
// the path of a public key, or the digest of a trusted host's.
func (m *messages) listener(ctx context.Context, text string) (*hostkey.PublicKey, error) {
	if text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(text, "SHA=") {
		key, err := hostkey.ReadPublic(text)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the listener's key %s is not there: copy the hub's localhost.pub to it, or give the key's digest", text)
		}
		return key, err
	}
	key, err := m.find(ctx, hostkey.Digest(text))
	if err == nil && key == nil {
		err = fmt.Errorf("the listener's key %s is not in %s: bootstrap to the hub, or name its file", text, m.work.keys())
	}
	return key, err
}

// trusted finds a key that this host trusts. What goes wrong on the way means
// that nothing is proved, and no more.
func (m *messages) trusted(ctx context.Context, d hostkey.Digest) (*hostkey.PublicKey, bool) {
	key, err := m.find(ctx, d)
	return key, err == nil && key != nil
}

// find looks for a key once in a run: on a hub that is tens of thousands of
// files, and every receipt asks for the same one.
func (m *messages) find(ctx context.Context, d hostkey.Digest) (*hostkey.PublicKey, error) {
	m.keys.Lock()
	defer m.keys.Unlock()
	if key, known := m.found[d]; known {
		return key, nil
	}
	key, err := findKey(ctx, m.work.keys(), d)
	if err != nil {
		return nil, err
	}
	if m.found == nil {
		m.found = map[hostkey.Digest]*hostkey.PublicKey{}
	}
	m.found[d] = key
	return key, nil
}

// findKey finds a key by its digest among the host's own and those that
// CFEngine trusts; nil where there is none. A file's name proves nothing, so
// each is read until one fits; a node has two or three.
func findKey(ctx context.Context, folder string, d hostkey.Digest) (*hostkey.PublicKey, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for the key %s: %w", d, err)
	}
	if len(entries) > maxKeyFiles {
		return nil, fmt.Errorf("look for the key %s: %s has over %d files: name the key's file instead", d, folder, maxKeyFiles)
	}
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("look for the key %s among the %d files of %s: %w", d, len(entries), folder, context.Cause(ctx))
		}
		if !mayProve(entry) {
			continue
		}
		if key, err := hostkey.ReadPublic(filepath.Join(folder, entry.Name())); err == nil && key.Digest() == d {
			return key, nil
		}
	}
	return nil, nil
}

// mayProve leaves out what the listener's trust store leaves out too: links,
// and files that everybody may write.
func mayProve(entry fs.DirEntry) bool {
	if !entry.Type().IsRegular() || filepath.Ext(entry.Name()) != ".pub" {
		return false
	}
	info, err := entry.Info()
	return err == nil && info.Mode().Perm()&0o002 == 0
}
