package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// outboxByHand shows the outbox to people and programs, and does what they want
// done with it.
func outboxByHand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("outbox needs list, show, retry or purge: %w", errUsage)
	}
	verb, ids := args[0], []string{}
	var asJSON, all bool
	for _, word := range args[1:] {
		switch {
		case word == "--json":
			asJSON = true
		case word == "--all" && verb == "purge":
			all = true
		case strings.HasPrefix(word, "-"):
			return fmt.Errorf("outbox %s takes no %s: %w", verb, word, errUsage)
		default:
			ids = append(ids, word)
		}
	}
	m := newMessages()
	switch {
	case verb == "list" && len(ids) == 0:
		return m.listOutbox(out, asJSON)
	case verb == "show" && len(ids) == 1:
		return m.showWaiting(out, ids[0], asJSON)
	case verb == "retry":
		return m.retryOutbox(ctx, out, os.Stderr, ids, asJSON)
	case verb == "purge" && all != (len(ids) > 0):
		return m.purgeOutbox(ctx, out, ids)
	}
	return fmt.Errorf("outbox: expected list, show ID, retry [ID...], or purge ID... or --all, got %q: %w", strings.Join(args, " "), errUsage)
}

// shelf is what lies in the outbox, read.
type shelf struct {
	entry
	kept  waiting
	shown listed
}

// shelves reads the outbox, or the messages of these ids. What is damaged is an
// error; the others are there all the same.
func (m *messages) shelves(ids []string) (found []shelf, n notes, err error) {
	state := m.work.state()
	n, err = readNotes(state)
	all, strange, err2 := outboxEntries(state)
	faults := []error{err, err2}
	for _, name := range strange {
		faults = append(faults, fmt.Errorf("%s is no message", filepath.Join(outboxFolder(state), name)))
	}
	left := slices.Clone(ids)
	for _, e := range all {
		w, err := readWaiting(e.file(state))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, fmt.Errorf("%s is damaged (%w): look at it, and remove it by messages outbox purge %s", e.file(state), err, e.name))
		}
		s := shelf{entry: e, kept: w, shown: w.list(n.Tried[e.name])}
		i := slices.IndexFunc(left, func(id string) bool { return id == e.name || err == nil && id == s.shown.MessageID })
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		if err == nil && (len(ids) == 0 || i >= 0) {
			found = append(found, s)
		}
	}
	if len(ids) > 0 { // the faults of others are not asked for
		faults = nil
	}
	for _, id := range left {
		faults = append(faults, fmt.Errorf("no message %s waits here: see messages outbox list", id))
	}
	return found, n, errors.Join(faults...)
}

func (m *messages) listOutbox(out io.Writer, asJSON bool) error {
	all, n, fault := m.shelves(nil)
	if asJSON {
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		for _, s := range all {
			fault = errors.Join(fault, lines.Encode(s.shown))
		}
		for _, l := range n.Drops {
			fault = errors.Join(fault, lines.Encode(l))
		}
		return fault
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(all) > 0 {
		fmt.Fprintln(table, "QUEUED\tEXPIRES\tPRIORITY\tTRIES\tPROMISER\tMESSAGE ID\tTO\tLAST ERROR")
	}
	for _, s := range all {
		l := s.shown
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", minute(l.QueuedAt), minute(l.ExpiresAt), l.Priority, l.Tries,
			printable(l.Promiser), printable(l.MessageID), strings.Join(l.To, " "), printable(l.LastError))
	}
	fault = errors.Join(fault, table.Flush())
	text := fmt.Sprintf("%d messages wait, %d were dropped so far\n", len(all), n.Dropped)
	for _, l := range n.Drops {
		text += fmt.Sprintf("dropped %s: %s (%s), queued %s: %s\n", minute(l.DroppedAt), printable(l.Promiser), printable(l.MessageID), minute(l.QueuedAt), printable(l.Dropped))
	}
	return errors.Join(fault, printText(out, text))
}

func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// showWaiting shows one message whole, what travels too.
func (m *messages) showWaiting(out io.Writer, id string, asJSON bool) error {
	found, _, err := m.shelves([]string{id})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s is damaged: look at the file in %s, and remove it by messages outbox purge %s", id, outboxFolder(m.work.state()), id)
	}
	shown := struct {
		listed
		Pattern string `json:"pattern"`
		Frame   string `json:"frame"`
	}{found[0].shown, found[0].kept.Pattern, found[0].kept.Frame}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if !asJSON {
		e.SetIndent("", "  ")
	}
	return e.Encode(shown)
}

// purgeOutbox removes messages, those of these ids or all, and then what is
// remembered of dropped ones too. One that an agent is sending stays.
func (m *messages) purgeOutbox(ctx context.Context, out io.Writer, ids []string) error {
	state := m.work.state()
	found, _, err := m.shelves(ids)
	files := ids
	if len(ids) == 0 {
		all, strange, failed := outboxEntries(state)
		files, err = strange, failed
		for _, e := range all {
			files = append(files, e.name)
		}
	}
	for _, s := range found {
		files = append(files, s.name)
	}
	removed := 0
	for _, name := range slices.Compact(slices.Sorted(slices.Values(files))) {
		gone, failed := purge(state, name)
		if gone {
			removed++
		}
		err = errors.Join(err, failed)
	}
	if len(ids) == 0 {
		err = errors.Join(err, changeNotes(ctx, state, func(n *notes) { *n = notes{} }))
	}
	return errors.Join(err, printText(out, fmt.Sprintf("%d messages removed\n", removed)))
}

// purge removes a file of the outbox by its name, damaged or not. What is no
// name of the folder's own is none: it may be a message id.
func purge(state, name string) (gone bool, err error) {
	file := filepath.Join(outboxFolder(state), name)
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") || isGone(file) {
		return false, nil
	}
	if e, ok := parseEntry(name); ok {
		c, err := claim(state, e)
		if errors.Is(err, errTaken) {
			return false, fmt.Errorf("%s stays: %w", name, err)
		}
		if err == nil {
			defer c.letGo()
		}
	}
	err = os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func isGone(file string) bool {
	_, err := os.Lstat(file)
	return errors.Is(err, fs.ErrNotExist)
}
