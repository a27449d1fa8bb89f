package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/handler"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// choosing says which dead letters a command is for: those with some ids, or all
// of a code, of a time, or altogether.
type choosing struct {
	all          bool
	code, before string
}

func (o *choosing) flags(c *cobra.Command) {
	c.Flags().BoolVar(&o.all, "all", false, "all of them")
	c.Flags().StringVar(&o.code, "code", "", "all of this code, such as denied")
	c.Flags().StringVar(&o.before, "before", "", "all that are older: than a time, RFC 3339, or than an age such as 30d")
}

// chosen are the dead letters that a command is for.
type chosen struct {
	ids    []int64
	filter queue.DeadFilter
	before time.Time // zero: of any time
}

// choose understands ids and flags, of which there must be either.
func (o choosing) choose(command string, args []string, now time.Time) (c chosen, err error) {
	byFlag := o.all || o.code != "" || o.before != ""
	switch {
	case byFlag == (len(args) > 0):
		err = fmt.Errorf("name dead letters by their ids (see dead list), or by --code, --before or --all")
	case o.all && (o.code != "" || o.before != ""):
		err = errors.New("--all goes with neither --code nor --before")
	}
	if err == nil && o.code != "" {
		c.filter.Code, err = deadCode(o.code)
	}
	if err == nil && o.before != "" {
		c.before, err = timeOrAge(o.before, now)
	}
	for _, arg := range args {
		id, failed := strconv.ParseInt(arg, 10, 64)
		if failed != nil && err == nil {
			err = fmt.Errorf("expected the number of a dead letter (see dead list), found %q", arg)
		}
		c.ids = append(c.ids, id)
	}
	if err != nil {
		return c, usageError{fmt.Errorf("%s: %w", command, err)}
	}
	slices.Sort(c.ids)
	c.ids = slices.Compact(c.ids)
	return c, nil
}

// deadCode is a code that dead letters have.
func deadCode(text string) (string, error) {
	codes := []string{handler.Code}
	for _, c := range message.Codes {
		codes = append(codes, string(c))
	}
	if !slices.Contains(codes, text) {
		return "", fmt.Errorf("--code: no code %q; there are: %s", text, strings.Join(codes, ", "))
	}
	return text, nil
}

func timeOrAge(text string, now time.Time) (time.Time, error) {
	if age, ok := parseAge(text); ok {
		return now.Add(-age), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		err = fmt.Errorf("--before: expected a time as 2026-11-20T12:00:00Z or an age as 30d, found %q", text)
	}
	return at, err
}

// find gives the ids of those that are there now, the oldest first. An id of
// none is an error.
func (c chosen) find(ctx context.Context, r *queue.Reader) (ids []int64, err error) {
	for _, id := range c.ids {
		if _, err := r.DeadLetter(ctx, id); err != nil {
			return nil, err
		}
	}
	if len(c.ids) > 0 {
		return c.ids, nil
	}
	err = eachDead(ctx, r, c.filter, func(d queue.DeadLetter) error {
		if c.before.IsZero() || d.ReceivedAt.Before(c.before) {
			ids = append(ids, d.ID)
		}
		return nil
	})
	return ids, err
}
