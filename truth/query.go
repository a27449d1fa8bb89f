package truth

import (
	"context"
	"database/sql"
	"maps"
	"slices"
)

// Rows are an answer in the database's own types: nil, int64, float64, string or
// []byte.
type Rows struct {
	Columns []string
	Rows    [][]any
}

// Query runs one SELECT over the schemas' views (DESIGN.md section 11), within
// Timeout and MaxRows; names in it, as :sender, stand for the values of named.
func (r *Reader) Query(ctx context.Context, text string, named map[string]any) (Rows, error) {
	var values []any
	for _, name := range slices.Sorted(maps.Keys(named)) {
		values = append(values, sql.Named(name, named[name]))
	}
	var answer Rows
	rows, err := collect(ctx, r, func(rows *sql.Rows) (row []any, err error) {
		if answer.Columns == nil {
			if answer.Columns, err = rows.Columns(); err != nil {
				return nil, err
			}
		}
		row = make([]any, len(answer.Columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		return row, rows.Scan(into...)
	}, text, values...)
	if err != nil {
		return Rows{}, err
	}
	answer.Rows = rows
	return answer, nil
}
