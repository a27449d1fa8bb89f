package truth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Host is one sender.
type Host struct {
	Sender              string   // key digest; "" for all that came unsigned
	Names               []string // as its newest host message has them
	FirstSeen, LastSeen time.Time
	Messages            int64
	Gaps                int64    // see Heard
	Stale               []string // wanted schemas that it has not told, or too long ago
	Schemas             []Heard  // by schema
}

// Heard is what a sender said by one schema.
type Heard struct {
	Schema              string
	FirstSeen, LastSeen time.Time
	Messages            int64
	// Gaps are the messages that the sender numbered (its seq, DESIGN.md section 4)
	// and that did not come: lost on a way that promises no more than "at most once",
	// refused, or given up by the sender. Those before the first one that came cannot
	// be known, nor those around the moment at which a host lost its counters.
	Gaps int64
}

// Hosts returns the senders by digest. wants are the schemas that each host should
// have told, and the age from which they are stale; may be nil.
func (r *Reader) Hosts(ctx context.Context, wants map[string]time.Duration) ([]Host, error) {
	type row struct {
		sender string
		Heard
	}
	rows, err := collect(ctx, r, func(rows *sql.Rows) (h row, err error) {
		var first, last int64
		err = rows.Scan(&h.sender, &h.Schema, &first, &last, &h.Messages, &h.Gaps)
		h.FirstSeen, h.LastSeen = instant(first), instant(last)
		return h, err
	}, "SELECT sender, schema, first_seen, last_seen, messages, gaps FROM _senders ORDER BY sender, schema")
	if err != nil {
		return nil, err
	}
	var all []Host
	for _, h := range rows {
		if n := len(all); n == 0 || all[n-1].Sender != h.sender {
			all = append(all, Host{Sender: h.sender, FirstSeen: h.FirstSeen})
		}
		all[len(all)-1].add(h.Heard)
	}
	for i := range all {
		if err := r.describe(ctx, &all[i], wants); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (h *Host) add(s Heard) {
	if s.FirstSeen.Before(h.FirstSeen) {
		h.FirstSeen = s.FirstSeen
	}
	if s.LastSeen.After(h.LastSeen) {
		h.LastSeen = s.LastSeen
	}
	h.Messages += s.Messages
	h.Gaps += s.Gaps
	h.Schemas = append(h.Schemas, s)
}

// describe adds what the host's own content says. Nobody who did not sign has any.
func (r *Reader) describe(ctx context.Context, h *Host, wants map[string]time.Duration) (err error) {
	if h.Sender == "" {
		return nil
	}
	if h.Stale, err = r.Wants(ctx, h.Sender, wants); err != nil {
		return err
	}
	host, err := r.Latest(ctx, "host", h.Sender)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	var said struct{ Fqhost, Uqhost string }
	_ = json.Unmarshal(host.Content, &said) // what is no name is none
	for _, name := range []string{said.Fqhost, said.Uqhost} {
		if name != "" && !slices.Contains(h.Names, name) {
			h.Names = append(h.Names, name)
		}
	}
	return err
}

// Wants returns which of the wanted schemas are absent of a sender, or were
// received longer ago than their age (0 for any), by name. They are schemas whose
// entity is the sender.
func (r *Reader) Wants(ctx context.Context, sender string, wants map[string]time.Duration) ([]string, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	var missing []string
	for _, schema := range slices.Sorted(maps.Keys(wants)) {
		var receivedAt int64
		err := r.age.QueryRowContext(ctx, schema, sender).Scan(&receivedAt)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("truth: reading: %w", err)
		}
		if age := wants[schema]; err != nil || age > 0 && r.Now().Sub(instant(receivedAt)) > age {
			missing = append(missing, schema)
		}
	}
	return missing, nil
}
