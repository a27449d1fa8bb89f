package truth

import "github.com/webhuis/cfengine-messages/sqlite"

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
// name. What a message says stays in the queue, and is read there when history is
// asked for; only what is true now stands in _facts too. _messages has a short row
// for each message, in the order of its entity, the newest last: "from" and tie are
// that order (see the package's comment), and position where both are the same. Until
// when something held is not kept: it is the "from" of the next, whenever that comes
// to be known.
//
// _subjects has a number for each name of an entity, or of a sender, by schema: see
// subject. Hosts mostly say again what they said: then _facts stays, and what changes
// for each message, _messages and _heard, has short rows under such numbers, so that
// few pages are written. sum tells whether something else is said than _facts has.
// _countings has what seldom changes of what _heard counts. counted is a position: what was counted up to there, before some of
// it left the queue, is not counted again.
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
INSERT INTO _history (` + columns + `) SELECT ` + columns + ` FROM _latest;`, `
CREATE TABLE _facts (
	id          INTEGER PRIMARY KEY,
	schema      TEXT NOT NULL,
	entity      TEXT NOT NULL,
	sender      TEXT NOT NULL,
	version     TEXT NOT NULL,
	content     TEXT NOT NULL,
	UNIQUE (schema, entity)
) STRICT;
CREATE TABLE _newest (
	id          INTEGER PRIMARY KEY,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	sum         BLOB NOT NULL
) STRICT;
CREATE TABLE _said (
	position    INTEGER PRIMARY KEY,
	id          INTEGER NOT NULL,
	schema      TEXT NOT NULL,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	sender      TEXT,
	message_id  TEXT NOT NULL,
	version     TEXT NOT NULL,
	issued_at   INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	content     TEXT NOT NULL
) STRICT;
CREATE TABLE _order (
	id          INTEGER NOT NULL,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	PRIMARY KEY (id, "from", tie, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE _speakers (
	id          INTEGER PRIMARY KEY,
	sender      TEXT NOT NULL,
	schema      TEXT NOT NULL,
	UNIQUE (sender, schema)
) STRICT;
CREATE TABLE _counters (
	id          INTEGER PRIMARY KEY,
	first_seen  INTEGER NOT NULL,
	last_seen   INTEGER NOT NULL,
	messages    INTEGER NOT NULL,
	counted     INTEGER NOT NULL,
	low         INTEGER NOT NULL,
	high        INTEGER NOT NULL,
	high_at     INTEGER NOT NULL,
	began_at    INTEGER NOT NULL,
	gaps        INTEGER NOT NULL,
	missing     TEXT NOT NULL
) STRICT;
INSERT INTO _facts (schema, entity, sender, version, content) SELECT schema, entity, sender, version, content FROM _latest ORDER BY schema, entity;
INSERT INTO _newest SELECT id, "from", tie, position, received_at, x'' FROM _facts JOIN _latest USING (schema, entity) ORDER BY id;
INSERT INTO _said SELECT position, id, schema, "from", tie, nullif(h.sender, entity), message_id, h.version, issued_at, seq, received_at, h.content
	FROM _history h CROSS JOIN _facts f USING (schema, entity) ORDER BY position;
INSERT INTO _order SELECT id, "from", tie, position FROM _said ORDER BY 1, 2, 3, 4;
INSERT INTO _speakers (sender, schema) SELECT sender, schema FROM _senders;
INSERT INTO _counters SELECT id, ` + counts + ` FROM _senders JOIN _speakers USING (sender, schema) ORDER BY id;
DROP TABLE _latest;
DROP TABLE _history;
DROP TABLE _senders;
CREATE VIEW _latest AS SELECT f.schema, f.entity, n."from", n.tie, n.position, f.sender, s.message_id, f.version, s.issued_at, s.seq, n.received_at, f.content
	FROM _facts f JOIN _newest n ON n.id = f.id JOIN _said s ON s.position = n.position;
CREATE VIEW _history AS SELECT f.schema, f.entity, o."from", o.tie, o.position, ifnull(s.sender, f.entity) AS sender, s.message_id, s.version, s.issued_at, s.seq, s.received_at, s.content
	FROM _facts f JOIN _order o ON o.id = f.id JOIN _said s ON s.position = o.position;
CREATE VIEW _senders AS SELECT sender, schema, ` + counts + ` FROM _speakers JOIN _counters USING (id);`, `
CREATE TABLE _subjects (
	schema      TEXT NOT NULL,
	name        TEXT NOT NULL,
	id          INTEGER NOT NULL,
	sum         BLOB,
	PRIMARY KEY (schema, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE _messages (
	id          INTEGER NOT NULL,
	"from"      INTEGER NOT NULL,
	tie         INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	received_at INTEGER NOT NULL,
	PRIMARY KEY (id, "from", tie, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE _heard (
	id          INTEGER PRIMARY KEY,
	last_seen   INTEGER NOT NULL,
	messages    INTEGER NOT NULL,
	high        INTEGER NOT NULL,
	high_at     INTEGER NOT NULL
) STRICT;
CREATE TABLE _countings (
	id          INTEGER PRIMARY KEY,
	first_seen  INTEGER NOT NULL,
	counted     INTEGER NOT NULL,
	low         INTEGER NOT NULL,
	began_at    INTEGER NOT NULL,
	gaps        INTEGER NOT NULL,
	missing     TEXT NOT NULL
) STRICT;
INSERT INTO _subjects SELECT schema, entity, id, sum FROM _facts JOIN _newest USING (id) ORDER BY 1, 2;
INSERT INTO _subjects SELECT schema, sender, id + (SELECT ifnull(max(id), 0) FROM _facts), NULL FROM _speakers
	WHERE (schema, sender) NOT IN (SELECT schema, entity FROM _facts);
INSERT INTO _messages SELECT id, "from", tie, position, received_at FROM _said ORDER BY 1, 2, 3, 4;
INSERT INTO _heard SELECT s.id, last_seen, messages, high, high_at
	FROM _counters c JOIN _speakers p USING (id) JOIN _subjects s ON s.schema = p.schema AND s.name = p.sender ORDER BY 1;
INSERT INTO _countings SELECT s.id, first_seen, counted, low, began_at, gaps, missing
	FROM _counters c JOIN _speakers p USING (id) JOIN _subjects s ON s.schema = p.schema AND s.name = p.sender ORDER BY 1;
DROP VIEW _latest;
DROP VIEW _history;
DROP VIEW _senders;
DROP TABLE _said;
DROP TABLE _order;
DROP TABLE _newest;
DROP TABLE _speakers;
DROP TABLE _counters;
CREATE VIEW _senders AS SELECT s.name AS sender, s.schema, first_seen, last_seen, messages, max(counted, (SELECT position FROM _meta)) AS counted,
	low, high, high_at, began_at, gaps, missing FROM _subjects s JOIN _heard h ON h.id = s.id JOIN _countings c ON c.id = s.id;`}

// columns are those of _latest and _history: see history.go.
const columns = `schema, entity, "from", tie, position, sender, message_id, version, issued_at, seq, received_at, content`

// moving and resting are the columns of _heard and of _countings, but for the ids.
var (
	moving  = []string{"last_seen", "messages", "high", "high_at"}
	resting = []string{"first_seen", "counted", "low", "began_at", "gaps", "missing"}
)

// counts are those of both in the formats before the fifth.
const counts = "first_seen, last_seen, messages, counted, low, high, high_at, began_at, gaps, missing"
