package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// all is what a query gives, a line a row.
func all(ctx context.Context, c *Conn, text string, values ...any) (lines []string, err error) {
	err = c.Direct(func(d Direct) error {
		return d.Query(ctx, text, values, func(columns []string, row []driver.Value) error {
			lines = append(lines, fmt.Sprintf("%v %#v", columns, row))
			return nil
		})
	})
	return lines, err
}

func TestDirect(t *testing.T) {
	c := mustMake(t, one, t.TempDir())
	for text, want := range map[string]string{
		"SELECT NULL AS a, 1 AS b, 1.5 AS c, 'x' AS d, x'00' AS e": `[a b c d e] []driver.Value{driver.Value(nil), 1, 1.5, "x", []uint8{0x0}}`,
		"SELECT 1 WHERE 0": "",
	} {
		for range 2 { // compiled, and compiled before
			if got, err := all(t.Context(), c, text); err != nil || strings.Join(got, "\n") != want {
				t.Errorf("%s: %s, %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"BEGIN", "INSERT INTO a VALUES (1)", "COMMIT", "BEGIN", "INSERT INTO a VALUES (2)", "ROLLBACK"} {
		if _, err := all(t.Context(), c, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got, err := all(t.Context(), c, "SELECT n FROM a"); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	if got, err := all(t.Context(), c, "SELECT ?1 AS v, ?2 AS w", "a", 2); err != nil || got[0] != `[v w] []driver.Value{"a", 2}` {
		t.Error(got, err)
	}
	if _, err := all(t.Context(), c, "SELECT missing"); err == nil || !strings.Contains(err.Error(), "no such column") {
		t.Error(err)
	}
}

// What changed since it was compiled is compiled anew.
func TestDirectAfterAChange(t *testing.T) {
	c := mustMake(t, one, t.TempDir())
	for _, step := range []struct{ change, want string }{
		{"INSERT INTO a VALUES (7)", "[[n] []driver.Value{7}]"},
		{"ALTER TABLE a ADD COLUMN m INTEGER DEFAULT 8", "[[n m] []driver.Value{7, 8}]"},
	} {
		if err := c.Run(step.change); err != nil {
			t.Fatal(err)
		}
		if got, err := all(t.Context(), c, "SELECT * FROM a"); err != nil || fmt.Sprint(got) != step.want {
			t.Errorf("%s: %s, %v", step.change, got, err)
		}
	}
}

// A query ends with its context, and the connection goes on.
func TestDirectIsCutOff(t *testing.T) {
	c := mustMake(t, one, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := all(ctx, c, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if got, err := all(t.Context(), c, "SELECT 1 AS i"); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}
