package truth

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// senderKey names what one sender says by one schema; sender is "" for all that
// came unsigned.
type senderKey struct{ sender, schema string }

func (w *writer) writeCounters(all map[senderKey][]heard) error {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b senderKey) int {
		return cmp.Or(cmp.Compare(a.sender, b.sender), cmp.Compare(a.schema, b.schema))
	})
	for _, k := range keys {
		c, err := w.counter(k)
		if err != nil {
			return fmt.Errorf("reading what is known of %s: %w", k.sender, err)
		}
		for _, h := range all[k] {
			c.add(h)
		}
		if err := run(w.putCounter, k.sender, k.schema, c.firstSeen, c.lastSeen, c.messages,
			c.low, c.high, c.highAt, c.beganAt, c.gaps, c.missingText()); err != nil {
			return fmt.Errorf("counting messages of %s: %w", k.sender, err)
		}
	}
	return nil
}

func (w *writer) counter(k senderKey) (c counter, err error) {
	var missing []byte
	err = w.getCounter.QueryRow(k.sender, k.schema).Scan(&c.firstSeen, &c.lastSeen, &c.messages,
		&c.low, &c.high, &c.highAt, &c.beganAt, &c.gaps, &missing)
	if errors.Is(err, sql.ErrNoRows) {
		return counter{}, nil
	}
	if err == nil && len(missing) > len("[]") {
		err = json.Unmarshal(missing, &c.missing)
	}
	return c, err
}
