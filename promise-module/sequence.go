package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSequence is the largest number that an envelope carries (message.Header).
const maxSequence = 1<<53 - 1

// nextSequence takes the next n numbers of the sender's counter for a schema
// (DESIGN.md section 4, seq), starting with 1, and gives the first of them. They
// are on disk before they are used, so no number is used twice by two agents or after a crash; one that
// was taken and not sent shows as a gap, which is the honest side to err on.
func nextSequence(ctx context.Context, state, schema string, n int) (first uint64, err error) {
	unlock, err := lock(ctx, filepath.Join(state, "seq.lock"))
	if err != nil {
		return 0, err
	}
	defer unlock()
	file := filepath.Join(state, "seq.json")
	counters, err := readCounters(file)
	if err != nil {
		return 0, err
	}
	first = counters[schema] + 1
	counters[schema] += uint64(n)
	data, err := json.Marshal(counters)
	if err != nil {
		return 0, err
	}
	return first, writeDurably(file, data)
}

func readCounters(file string) (map[string]uint64, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]uint64{}, nil
	}
	if err != nil {
		return nil, err
	}
	var counters map[string]uint64
	err = json.Unmarshal(data, &counters)
	if err == nil && counters == nil {
		err = errors.New("it holds no counters")
	}
	for schema, count := range counters {
		if count >= maxSequence {
			err = fmt.Errorf("%d messages of %s", count, schema)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it, and the counters start anew", file, err)
	}
	return counters, nil
}
