package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the SQLite driver
)

const fileName = "queue.db"

// applicationID marks the file as ours in its header ("cfMQ"), so that a wrong
// file is refused rather than written to. Source: PRAGMA application_id.
const applicationID = 0x63664d51

// formats makes the file what it is: the n-th text leads from format n (PRAGMA
// user_version) to n+1. A released text never changes; a new one is added.
// Times are unix microseconds in UTC.
//
// Senders have small numbers because their digest, 68 bytes twice a row, would
// make the file 39 % larger with frames of 900 bytes. The message id comes first
// in the index because ids are UUIDv7: new ones lie at its right edge, whoever
// the sender is. aged is 0, or the row's position once the id came again after
// DuplicateWindow; so "stored once" is a rule of the file and not of the program.
// The frame comes last: what precedes it is read without it.
var formats = []string{`
CREATE TABLE senders (
	id          INTEGER PRIMARY KEY,
	digest      TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE messages (
	position    INTEGER PRIMARY KEY,
	received_at INTEGER NOT NULL,
	pattern     TEXT NOT NULL,
	sender      INTEGER NOT NULL,
	peer        TEXT NOT NULL,
	schema      TEXT NOT NULL,
	version     TEXT NOT NULL,
	message_id  TEXT NOT NULL,
	issued_at   INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	aged        INTEGER NOT NULL DEFAULT 0,
	frame       BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_once ON messages (message_id, sender, aged);
CREATE TABLE dead_letters (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	received_at INTEGER NOT NULL,
	pattern     TEXT NOT NULL,
	peer        TEXT NOT NULL,
	sender      TEXT NOT NULL,
	code        TEXT NOT NULL,
	reason      TEXT NOT NULL,
	size        INTEGER NOT NULL,
	bytes       INTEGER NOT NULL,
	frame       BLOB NOT NULL
) STRICT;
CREATE TABLE dead_totals (
	letters     INTEGER NOT NULL,
	bytes       INTEGER NOT NULL,
	dropped     INTEGER NOT NULL
) STRICT;
INSERT INTO dead_totals VALUES (0, 0, 0);
CREATE TRIGGER dead_in AFTER INSERT ON dead_letters BEGIN
	UPDATE dead_totals SET letters = letters + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER dead_out AFTER DELETE ON dead_letters BEGIN
	UPDATE dead_totals SET letters = letters - 1, bytes = bytes - old.bytes;
END;`}

// connect opens one connection to the file in folder; mode is SQLite's: ro or rw.
// Every connection is FULL, so that none that writes can be forgotten: mattn's
// default under WAL is NORMAL, which loses acknowledged messages at power failure.
func connect(ctx context.Context, folder, mode string) (*sql.DB, *sql.Conn, error) {
	path := filepath.Join(folder, fileName)
	if _, err := os.Stat(path); err != nil {
		return nil, nil, err
	}
	values := url.Values{"mode": {mode}, "_sync": {"FULL"}, "_busy_timeout": {"5000"}, "_cache_size": {"-16384"}}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, conn, nil
}

// format reads which format the file has, 0 when it is empty, and refuses a file
// that is not ours or is newer than we are.
func format(ctx context.Context, conn *sql.Conn, folder string) (int, error) {
	path := filepath.Join(folder, fileName)
	var id, version, tables int
	err := conn.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", path, err)
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return 0, fmt.Errorf("%s is not a queue of cf-messaged: move it away, or name another state folder", path)
	case version > len(formats):
		return 0, fmt.Errorf("%s was written by a newer cf-messaged (format %d, this one knows %d): install the newer one again",
			path, version, len(formats))
	}
	return version, nil
}

// makeFile makes an empty file of mode 0600, from which SQLite takes the mode of
// its -wal and -shm. A file that is there is not opened: closing it would release
// the locks that another connection of this process has on it.
// Source: https://www.sqlite.org/howtocorrupt.html section 2.2.
func makeFile(folder string) error {
	path := filepath.Join(folder, fileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Chmod(path, 0o600))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncFolder(folder))
}
