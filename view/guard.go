package view

import (
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/sqlite"
)

// connection is what the driver's connection can beyond database/sql.
type connection interface {
	RegisterAuthorizer(func(action int, first, second, database string) int)
	SetLimit(id, value int) int
}

// What an authoriser is asked for, and answers. Source: sqlite3.h,
// https://www.sqlite.org/c3ref/c_alter_table.html.
const (
	actionRead        = 20
	actionSelect      = 21
	actionTransaction = 22
	actionFunction    = 31
	actionRecursive   = 33

	authOK   = 0
	authDeny = 1

	limitLength = 0 // SQLITE_LIMIT_LENGTH
)

// lengthLimit bounds a single value that SQL makes, such as zeroblob(1e9): more
// than a message may hold, less than hurts.
const lengthLimit = 64 << 20

// guard holds a connection to reading schemas, whatever the statements are that
// it compiles: the file is open for reading only, but ATTACH, PRAGMA and
// functions that load code would lead out of it. BEGIN and END are ours; that
// views have none is for scan.
func guard(c *sqlite.Conn) error { return setAuthorizer(c, authorize) }

func unguard(c *sqlite.Conn) error { return setAuthorizer(c, nil) }

func setAuthorizer(c *sqlite.Conn, f func(int, string, string, string) int) error {
	return c.Raw(func(driver any) error {
		conn, ok := driver.(connection)
		if !ok {
			return fmt.Errorf("this SQLite driver (%T) cannot hold views to reading", driver)
		}
		conn.RegisterAuthorizer(f)
		conn.SetLimit(limitLength, lengthLimit)
		return nil
	})
}

func authorize(action int, first, second, _ string) int {
	switch action {
	case actionSelect, actionRecursive, actionTransaction:
		return authOK
	case actionRead:
		return allow(!hasPrefix(first, "sqlite_") && !hasPrefix(first, "pragma_"))
	case actionFunction:
		return allow(!strings.EqualFold(second, "load_extension") && !strings.EqualFold(second, "fts3_tokenizer"))
	}
	return authDeny
}

func allow(ok bool) int {
	if ok {
		return authOK
	}
	return authDeny
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
