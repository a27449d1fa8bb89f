package queue

import "github.com/webhuis/cfengine-messages/sqlite"

const fileName = "queue.db"

// file is what all who open it must agree on. Every connection is Full, so that
// none that writes can be forgotten.
var file = sqlite.File{
	Name: fileName, What: "queue", ApplicationID: 0x63664d51, // "cfMQ"
	Formats: formats, Synchronous: sqlite.Full, CacheKiB: 16384,
}

// formats are the file's. Times are unix microseconds in UTC.
//
// Senders have small numbers because their digest, 68 bytes twice a row, would
// make the file 39 % larger with frames of 900 bytes. The message id comes first
// in the index because ids are UUIDv7: new ones lie at its right edge, whoever
// the sender is. aged is 0, or the row's position once the id came again after
// DuplicateWindow; so "stored once" is a rule of the file and not of the program.
// The frame comes last: what precedes it is read without it.
//
// epoch names this file: one that is made anew, because the old one is lost, has
// another.
//
// Of messages that left (see Prune) remembered holds the ids, for as long as they
// can come again; counted what the truth had counted by then; pruned how many
// there were of a schema, the position of the last of them, and from when on its
// truth is whole.
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
END;`, `
CREATE TABLE remembered (
	position    INTEGER PRIMARY KEY,
	received_at INTEGER NOT NULL,
	sender      INTEGER NOT NULL,
	schema      TEXT NOT NULL,
	message_id  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX remembered_once ON remembered (message_id, sender);
CREATE TABLE counted (
	sender      INTEGER NOT NULL,
	schema      TEXT NOT NULL,
	state       TEXT NOT NULL,
	PRIMARY KEY (sender, schema)
) STRICT, WITHOUT ROWID;
CREATE TABLE pruned (
	schema      TEXT PRIMARY KEY,
	messages    INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	whole_from  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`, `
ALTER TABLE messages ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0;`, `
CREATE TABLE epoch (name TEXT NOT NULL) STRICT;
INSERT INTO epoch VALUES (lower(hex(randomblob(8))));`}
