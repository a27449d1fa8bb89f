package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/queue"
)

// deadLine is a dead letter as programs read it (DESIGN.md section 9).
type deadLine struct {
	ID         int64   `json:"id"`
	ReceivedAt string  `json:"received_at"`
	Pattern    string  `json:"pattern"`
	Peer       string  `json:"peer"`
	Sender     *string `json:"sender"` // null where it was not proved
	Code       string  `json:"code"`
	Reason     string  `json:"reason"`
	Size       int     `json:"size"`
	Frame      string  `json:"frame,omitempty"` // base64, show only
}

func newDeadLine(d queue.DeadLetter) deadLine {
	return deadLine{ID: d.ID, ReceivedAt: timeText(d.ReceivedAt), Pattern: d.Pattern, Peer: d.Peer,
		Sender: orNull(d.Sender), Code: d.Code, Reason: d.Reason, Size: d.Size}
}

func deadCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "dead",
		Short: "The dead letters: what was refused, and why",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("dead: list, show, retry or purge? See cf-messaged dead --help")}
		},
	}
	c.AddCommand(deadListCommand(f), deadShowCommand(f), deadRetryCommand(f), deadPurgeCommand(f))
	return c
}

func deadListCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the dead letters, the oldest first",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return withReader(f, func(r *queue.Reader) error {
				return deadList(c.Context(), r, lines(c), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func deadList(ctx context.Context, r *queue.Reader, out io.Writer, asJSON bool) error {
	rows := [][]string{{"ID", "RECEIVED", "CODE", "PEER", "SENDER", "SIZE", "REASON"}}
	err := eachDead(ctx, r, queue.DeadFilter{}, func(d queue.DeadLetter) error {
		line := newDeadLine(d)
		if asJSON {
			return writeJSON(out, line)
		}
		rows = append(rows, []string{strconv.FormatInt(line.ID, 10), line.ReceivedAt, line.Code, line.Peer,
			orText(d.Sender, "not proved"), strconv.Itoa(line.Size), line.Reason})
		return nil
	})
	if err != nil || asJSON {
		return err
	}
	return table(out, rows)
}

func deadShowCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show one dead letter with its frame",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("dead show: expected the number of a dead letter (see dead list), found %q", args[0])}
			}
			return withReader(f, func(r *queue.Reader) error {
				d, err := r.DeadLetter(c.Context(), id)
				if err != nil {
					return err
				}
				return showDead(lines(c), d, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one object, the frame in base64")
	return c
}

func showDead(out io.Writer, d queue.DeadLetter, asJSON bool) error {
	line := newDeadLine(d)
	if asJSON {
		line.Frame = base64.StdEncoding.EncodeToString(d.Frame)
		return writeJSON(out, line)
	}
	return table(out, [][]string{
		{"dead letter", strconv.FormatInt(d.ID, 10)},
		{"received", line.ReceivedAt},
		{"code", line.Code},
		{"reason", line.Reason},
		{"sender", orText(d.Sender, "not proved")},
		{"peer", line.Peer + " (" + line.Pattern + ")"},
		{"frame", fmt.Sprintf("%d bytes: %s", d.Size, d.Frame)},
	})
}
