package truth

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Conflict is a value that several entities have and no two should share
// (x-unique, DESIGN.md section 8).
type Conflict struct {
	Schema, Property string
	Value            json.RawMessage // in canonical spelling
	Entities         []Claim         // by entity, two at least
}

// Claim is one entity that has the value, and who said so.
type Claim struct {
	Entity, Sender, MessageID string
	ReceivedAt                time.Time
}

// Conflicts returns all there are, by schema, property and value.
func (r *Reader) Conflicts(ctx context.Context) ([]Conflict, error) {
	type row struct {
		Conflict
		Claim
	}
	rows, err := collect(ctx, r, func(rows *sql.Rows) (c row, err error) {
		var value []byte
		var receivedAt int64
		err = rows.Scan(&c.Schema, &c.Property, &value, &c.Entity, &c.Sender, &c.MessageID, &receivedAt)
		c.Value, c.ReceivedAt = value, instant(receivedAt)
		return c, err
	}, `SELECT u.schema, u.property, u.value, u.entity, l.sender, l.message_id, l.received_at
		FROM _unique u JOIN _latest l USING (schema, entity)
		WHERE (u.schema, u.property, u.value) IN
			(SELECT schema, property, value FROM _unique GROUP BY 1, 2, 3 HAVING count(*) > 1)
		ORDER BY 1, 2, 3, 4`)
	if err != nil {
		return nil, err
	}
	var all []Conflict
	for _, c := range rows {
		n := len(all)
		if n == 0 || all[n-1].Schema != c.Schema || all[n-1].Property != c.Property || string(all[n-1].Value) != string(c.Value) {
			all = append(all, c.Conflict)
			n++
		}
		all[n-1].Entities = append(all[n-1].Entities, c.Claim)
	}
	return all, nil
}
