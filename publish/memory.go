package publish

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/sqlite"
)

// file need not be Full: what a power failure takes is published once more.
var file = sqlite.File{
	Name: "published.db", What: "list of publications", ApplicationID: 0x63664d50, // "cfMP"
	Formats: []string{`
CREATE TABLE published (
	view    TEXT NOT NULL,
	host    TEXT NOT NULL,
	digest  BLOB NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (view, host)
) STRICT, WITHOUT ROWID;`},
	Synchronous: sqlite.Normal, CacheKiB: 2048,
}

// keep is how long it is known what a host was told last. It bounds the file;
// beyond it a host that comes again after a restart is told once more.
const keep = 31 * 24 * time.Hour

// digest tells two answers apart.
type digest [sha256.Size]byte

// memory knows, across restarts, what each host was told last.
type memory struct {
	conn     *sqlite.Conn
	get, put *sql.Stmt
}

func openMemory(folder string, now time.Time) (*memory, error) {
	ctx := context.Background()
	conn, err := file.Make(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	m := &memory{conn: conn}
	err = conn.Prepare(ctx, map[**sql.Stmt]string{
		&m.get: "SELECT digest, at FROM published WHERE view = ? AND host = ?",
		&m.put: "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)",
	})
	if err == nil {
		_, err = conn.ExecContext(ctx, "DELETE FROM published WHERE at < ?", now.Add(-keep).Unix())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish: %w", err), conn.Close())
	}
	return m, nil
}

// last is what the host was told last, and when (seconds since 1970); the zero digest
// where that is not known.
func (m *memory) last(view string, host hostkey.Digest) (d digest, at int64, err error) {
	var b []byte
	err = m.get.QueryRow(view, string(host)).Scan(&b, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	copy(d[:], b)
	return d, at, err
}

func (m *memory) told(view string, host hostkey.Digest, d digest, now time.Time) error {
	_, err := m.put.Exec(view, string(host), d[:], now.Unix())
	return err
}

func (m *memory) close() error { return m.conn.Close() }
