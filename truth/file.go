package truth

import (
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

const fileName = "truth.db"

// file is what all who open it must agree on. It need not be Full: whatever a
// power failure takes is applied again from the queue.
var file = sqlite.File{
	Name: fileName, What: "truth", ApplicationID: 0x63664d54, // "cfMT"
	Formats: formats, Synchronous: sqlite.Normal, CacheKiB: 65536,
}

// formats are the file's. Times are unix microseconds in UTC.
//
// The tables begin with _, as no schema's id does: each schema is a view of its
// name. _history has all that was said, in the order of the queue: what is true now
// stands in _latest once more, and nothing has to move when something newer comes,
// which would write to any place of a large file. "from" and tie order the messages about one entity (see the package's
// comment), and position where both are the same. Until when something held is
// not kept: it is the "from" of the next, whenever that comes to be known. The
// content comes last: what precedes it is read without it. counted is the position
// of the message counted last: those up to there are not counted again.
var formats = []string{`
CREATE TABLE _meta (
	position    INTEGER NOT NULL,
	message_id  TEXT NOT NULL
) STRICT;
INSERT INTO _meta VALUES (0, '');
CREATE TABLE _latest (
	schema      TEXT NOT NULL,
	entity      TEXT NOT NULL,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	sender      TEXT NOT NULL,
	message_id  TEXT NOT NULL,
	version     TEXT NOT NULL,
	issued_at   INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	content     TEXT NOT NULL,
	UNIQUE (schema, entity)
) STRICT;
CREATE TABLE _history (
	schema      TEXT NOT NULL,
	entity      TEXT NOT NULL,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	position    INTEGER PRIMARY KEY,
	sender      TEXT NOT NULL,
	message_id  TEXT NOT NULL,
	version     TEXT NOT NULL,
	issued_at   INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	content     TEXT NOT NULL
) STRICT;
CREATE INDEX _history_order ON _history (schema, entity, "from", tie);
CREATE TABLE _unique (
	schema      TEXT NOT NULL,
	property    TEXT NOT NULL,
	value       TEXT NOT NULL,
	entity      TEXT NOT NULL,
	PRIMARY KEY (schema, property, value, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX _unique_entity ON _unique (schema, entity);
CREATE TABLE _senders (
	sender      TEXT NOT NULL,
	schema      TEXT NOT NULL,
	first_seen  INTEGER NOT NULL,
	last_seen   INTEGER NOT NULL,
	messages    INTEGER NOT NULL,
	low         INTEGER NOT NULL,
	high        INTEGER NOT NULL,
	high_at     INTEGER NOT NULL,
	began_at    INTEGER NOT NULL,
	gaps        INTEGER NOT NULL,
	missing     TEXT NOT NULL,
	PRIMARY KEY (sender, schema)
) STRICT, WITHOUT ROWID;
CREATE TABLE _skipped (
	position    INTEGER PRIMARY KEY,
	reason      TEXT NOT NULL
) STRICT;`, `
ALTER TABLE _senders ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
UPDATE _senders SET counted = (SELECT position FROM _meta);`, `
INSERT INTO _history (` + columns + `) SELECT ` + columns + ` FROM _latest;`}

// columns are those of _latest and _history.
const columns = `schema, entity, "from", tie, position, sender, message_id, version, issued_at, seq, received_at, content`

// counterColumns are those of _senders, and counts those that tell what was counted.
var (
	counts         = []string{"first_seen", "last_seen", "messages", "low", "high", "high_at", "began_at", "gaps", "missing", "counted"}
	counterColumns = "sender, schema, " + strings.Join(counts, ", ")
)
