package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// States of a key as keys list shows them, in the order of the list.
const (
	keyPending = "pending"
	keyTrusted = "trusted"
	keyRevoked = "revoked"
)

var keyStates = []string{keyPending, keyTrusted, keyRevoked}

// keyLine is one key as programs read it (DESIGN.md section 9).
type keyLine struct {
	Digest    string   `json:"digest"`
	State     string   `json:"state"`
	Source    string   `json:"source"`     // the key's file, or the address that it asked from
	FirstSeen *string  `json:"first_seen"` // null where it is not known
	Names     []string `json:"names"`      // what it is bound to be called, none for anything
}

func newKeyLine(d hostkey.Digest, state, source string, seen time.Time) keyLine {
	line := keyLine{Digest: string(d), State: state, Source: source, Names: []string{}}
	if !seen.IsZero() {
		line.FirstSeen = new(timeText(seen))
	}
	return line
}

func (l keyLine) seen() string {
	if l.FirstSeen == nil {
		return ""
	}
	return *l.FirstSeen
}

// known is all that is known about keys.
type known struct {
	config  Config
	trust   *hostkey.Trust
	decided map[hostkey.Digest]hostkey.Decision
	pending []hostkey.PendingKey
}

func withKnown(f *flags, use func(*known) error) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	k := &known{config: config}
	if k.trust, err = config.openTrust(); err != nil {
		return err
	}
	defer k.trust.Close()
	if k.pending, err = hostkey.ReadPending(config.pendingKeys()); err == nil {
		err = k.read()
	}
	if err != nil {
		return permitted(err, config.State)
	}
	return use(k)
}

func (k *known) read() error {
	all, err := hostkey.ReadDecisions(k.config.decisions())
	k.decided = make(map[hostkey.Digest]hostkey.Decision, len(all))
	for _, d := range all {
		k.decided[d.Digest] = d
	}
	return err
}

// lines are all keys, each once, the pending first and then by age.
func (k *known) lines() []keyLine {
	var all []keyLine
	for _, t := range k.trust.Keys() {
		source := t.File
		if d := k.decision(t.Key.Digest()); d.State == hostkey.Approved {
			source = d.Source
		}
		all = append(all, newKeyLine(t.Key.Digest(), keyTrusted, source, t.ModTime))
	}
	for _, digest := range slices.Sorted(maps.Keys(k.decided)) {
		if d := k.decided[digest]; d.State == hostkey.Revoked {
			all = append(all, newKeyLine(d.Digest, keyRevoked, d.Source, d.FirstSeen))
		}
	}
	for _, p := range k.pending {
		if !k.trust.Settled(p.Digest) {
			all = append(all, newKeyLine(p.Digest, keyPending, p.Peer, p.FirstSeen))
		}
	}
	for i, l := range all {
		all[i].Names = append(l.Names, k.decision(hostkey.Digest(l.Digest)).Names...)
	}
	slices.SortStableFunc(all, func(a, b keyLine) int {
		return cmp.Or(cmp.Compare(slices.Index(keyStates, a.State), slices.Index(keyStates, b.State)), strings.Compare(a.seen(), b.seen()))
	})
	return all
}

// decision is what was decided about a key; its State is "" where nothing was.
func (k *known) decision(d hostkey.Digest) hostkey.Decision {
	if was, decided := k.decided[d]; decided {
		return was
	}
	return hostkey.Decision{Digest: d}
}

// inFolder finds a key in the folder of keys, whatever was decided about it.
func (k *known) inFolder(d hostkey.Digest) (hostkey.TrustedKey, bool) {
	all := k.trust.Folder()
	i := slices.IndexFunc(all, func(t hostkey.TrustedKey) bool { return t.Key.Digest() == d })
	if i < 0 {
		return hostkey.TrustedKey{}, false
	}
	return all[i], true
}

// find gives what is known of a key: where it is from, and since when.
func (k *known) find(d hostkey.Digest) hostkey.Decision {
	found := k.decision(d)
	if found.PublicKey != "" {
		return found
	}
	if t, there := k.inFolder(d); there {
		found.PublicKey, found.Source, found.FirstSeen = string(t.Key.PEM()), t.File, t.ModTime
		return found
	}
	for _, p := range k.pending {
		if p.Digest == d {
			found.PublicKey, found.Source, found.FirstSeen = p.PublicKey, p.Peer, p.FirstSeen
		}
	}
	return found
}

// named reads what a command names a key by: its digest, or the file of it.
func (k *known) named(text string) (hostkey.Decision, error) {
	if strings.Contains(text, "=") && !strings.Contains(text, "/") {
		d, err := hostkey.ParseDigest(text)
		if err != nil {
			return hostkey.Decision{}, usageError{err}
		}
		return k.find(d), nil
	}
	key, err := hostkey.ReadPublic(text)
	if err != nil {
		return hostkey.Decision{}, fmt.Errorf("expected a key's digest, as cf-messaged keys list shows it, or the file of a public key: %w", err)
	}
	found := k.find(key.Digest())
	if found.PublicKey == "" {
		file, err := filepath.Abs(text)
		if err != nil {
			return found, err
		}
		found.PublicKey, found.Source, found.FirstSeen = string(key.PEM()), file, time.Now()
	}
	return found, nil
}

// approve trusts a key, by the names that d has. One that lies in the folder needs no
// more than that nothing else is decided: taken away from there, it is trusted no more.
func (k *known) approve(ctx context.Context, d hostkey.Decision) error {
	_, trusted := k.trust.Lookup(d.Digest)
	_, there := k.inFolder(d.Digest)
	was := k.decision(d.Digest)
	switch {
	case trusted && slices.Equal(d.Names, was.Names):
		return nil
	case d.PublicKey == "":
		return fmt.Errorf("%s did not ask to be trusted (see cf-messaged keys list): have the host send a message, or name the file of its public key", d.Digest)
	case !there || was.State == hostkey.Approved:
		d.State = hostkey.Approved
	case len(d.Names) > 0:
		d.State = hostkey.Bound
	default:
		d.State = ""
	}
	return k.decide(ctx, d)
}

func (k *known) revoke(ctx context.Context, d hostkey.Decision) error {
	own, err := hostkey.ReadPublic(filepath.Join(k.config.Keys, "localhost.pub"))
	if err == nil && own.Digest() == d.Digest {
		return errors.New("that is the listener's own key: stop the listener and make another with cf-key")
	}
	if d.State == hostkey.Revoked {
		return nil
	}
	d.State = hostkey.Revoked
	return k.decide(ctx, d)
}

func (k *known) decide(ctx context.Context, d hostkey.Decision) error {
	d.DecidedAt = time.Now().UTC()
	err := hostkey.Decide(ctx, k.config.decisions(), d)
	if err == nil {
		err = k.read()
	}
	return permitted(err, k.config.State)
}

// tell prints a key as it is now.
func (k *known) tell(out io.Writer, d hostkey.Digest, asJSON bool) error {
	for _, l := range k.lines() {
		if l.Digest != string(d) {
			continue
		}
		if asJSON {
			return writeJSON(out, l)
		}
		_, err := fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%s  %s  %s  %s", l.State, l.Digest, visible(l.Source), strings.Join(l.Names, " ")), " "))
		return err
	}
	return fmt.Errorf("%s is not known", d) // a key was decided about just now
}
