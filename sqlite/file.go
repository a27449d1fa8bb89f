// Package sqlite opens the listener's SQLite files (queue.db, truth.db and
// published.db): each is made with its modes, known again by its header, and brought from an older
// format to the newest. It is the only importer of the driver.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Levels of PRAGMA synchronous under WAL.
const (
	Full   = 2 // COMMIT is an fsync
	Normal = 1 // a power failure may take the last commits, never the file's consistency
)

// File is one kind of file of ours.
type File struct {
	Name string // in its folder
	What string // it is, for people: "queue"

	// ApplicationID marks the file as ours in its header, so that a wrong file is
	// refused rather than written to. Source: PRAGMA application_id.
	ApplicationID int
	// Formats make the file what it is: the n-th text leads from format n (PRAGMA
	// user_version) to n+1. A released text never changes; a new one is added.
	Formats []string
	// Synchronous is Full or Normal, on every connection: mattn's default under WAL
	// is NORMAL, which loses acknowledged messages at power failure.
	Synchronous int
	CacheKiB    int // memory for pages, of each connection
}

// Make opens the file in folder as its one writer, made (0600) or brought to the
// newest format where needed. The folder exists.
func (f File) Make(ctx context.Context, folder string) (*Conn, error) {
	if err := makeFile(filepath.Join(folder, f.Name)); err != nil {
		return nil, err
	}
	c, err := f.connect(ctx, folder, "rw")
	if err != nil {
		return nil, err
	}
	if err := f.upgrade(ctx, c, folder); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Open opens a file that has been made already; mode is SQLite's, ro or rw. The
// error is fs.ErrNotExist where there is none yet.
func (f File) Open(ctx context.Context, folder, mode string) (*Conn, error) {
	c, err := f.connect(ctx, folder, mode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is none in %s yet, a listener makes it when it first runs: %w", folder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (it takes the rights of the listener's user)", err)
	}
	made, err := f.format(ctx, c, folder)
	if err == nil && made < len(f.Formats) {
		err = fmt.Errorf("%s has format %d, this program reads %d: start the listener once", filepath.Join(folder, f.Name), made, len(f.Formats))
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Attach makes a file that has been made already readable beside the one that a
// connection is to, under a name that stands in SQL as it is. folder is absolute.
func (f File) Attach(ctx context.Context, c *Conn, folder, as string) error {
	path := filepath.Join(folder, f.Name)
	if _, err := os.Stat(path); err != nil {
		return err
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}
	if _, err := c.ExecContext(ctx, "ATTACH ? AS "+as, uri.String()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var made int
	if err := c.QueryRowContext(ctx, "PRAGMA "+as+".user_version").Scan(&made); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if made != len(f.Formats) {
		return fmt.Errorf("%s has format %d, this program reads %d: start the listener once", path, made, len(f.Formats))
	}
	return nil
}

func (f File) connect(ctx context.Context, folder, mode string) (*Conn, error) {
	path := filepath.Join(folder, f.Name)
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	// _mutex: database/sql lets one goroutine at a time use a connection, SQLite need not.
	values := url.Values{"mode": {mode}, "_mutex": {"no"}, "_sync": {fmt.Sprint(f.Synchronous)}, "_busy_timeout": {"5000"}, "_cache_size": {fmt.Sprint(-f.CacheKiB)}}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}
	c, err := connect(ctx, dsn.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// format reads which format the file has, 0 when it is empty, and refuses a file
// that is not ours or is newer than we are.
func (f File) format(ctx context.Context, c *Conn, folder string) (int, error) {
	path := filepath.Join(folder, f.Name)
	var id, version, tables int
	err := c.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", path, err)
	case id != f.ApplicationID && (id != 0 || version != 0 || tables != 0):
		return 0, fmt.Errorf("%s is not a %s of cf-messaged: move it away, or name another state folder", path, f.What)
	case version > len(f.Formats):
		return 0, fmt.Errorf("%s was written by a newer cf-messaged (format %d, this one knows %d): install the newer one again",
			path, version, len(f.Formats))
	}
	return version, nil
}

// upgrade touches nothing before it knows that the file is ours.
func (f File) upgrade(ctx context.Context, c *Conn, folder string) error {
	from, err := f.format(ctx, c, folder)
	if err != nil {
		return err
	}
	if err := f.setJournal(ctx, c); err != nil {
		return err
	}
	for n := from; n < len(f.Formats); n++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			f.Formats[n], f.ApplicationID, n+1)
		if err := c.Run(step); err != nil {
			return fmt.Errorf("making format %d: %w", n+1, err)
		}
	}
	return nil
}

// setJournal chooses WAL and reads back what durability rests on, for SQLite
// answers with what it did rather than with an error.
func (f File) setJournal(ctx context.Context, c *Conn) error {
	var journal string
	var synchronous int
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&journal); err != nil {
		return err
	}
	if err := c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous < f.Synchronous {
		return fmt.Errorf("the file system gives no durable commits (journal_mode %s, synchronous %d): use a local one", journal, synchronous)
	}
	return nil
}
