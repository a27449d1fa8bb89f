package hostkey

import (
	"fmt"
	"maps"
	"strings"
)

// Names are the host names that keys are bound to. A key that is bound has its own
// names and no others; a name that some key is bound to is nobody else's. What no
// key is bound to is anybody's to claim. The names of a revoked key stay taken: what
// they mean to others does not pass to whoever claims them next. nil binds nothing.
// It never changes.
type Names struct {
	own   map[Digest]map[string]bool
	taken map[string]bool
}

// isHostName tells of what a key may be bound to: what the schema host takes for a
// name. It is no regular expression, for one that counts to 253 costs each start of
// the module 0.7 ms.
func isHostName(s string) bool {
	const inside = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
	return s != "" && len(s) <= 253 && strings.Trim(s, inside) == "" && strings.Trim(s, ".-") == s
}

// maxNames is how many names one key may have.
const maxNames = 64

// ParseName reads a host name to bind a key to, of up to 253 characters. Capitals
// mean nothing (RFC 4343).
func ParseName(text string) (string, error) {
	if !isHostName(text) {
		return "", fmt.Errorf("%q is not a host name: letters, digits, hyphens, underscores and dots, 253 at most", clip(text))
	}
	return strings.ToLower(text), nil
}

// May tells whether a key may be called so. Who is bound to www1.example.com is
// called www1 too.
func (n *Names) May(d Digest, name string) bool {
	return n.Free(d, name) && (n == nil || n.own[d] == nil || n.own[d][folded(name)])
}

// Free tells whether no other key alone is bound to a name. "" for the key is nobody.
func (n *Names) Free(d Digest, name string) bool {
	return n == nil || n.own[d][folded(name)] || !n.taken[folded(name)]
}

// Bound tells whether a key is bound to any names.
func (n *Names) Bound(d Digest) bool { return n != nil && n.own[d] != nil }

// folded is the one spelling of names that mean the same host.
func folded(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// namesOf reads the names in decisions; an error is of one that is none, or that two
// keys would have which are not revoked.
func namesOf(all []Decision) (*Names, error) {
	n := &Names{own: map[Digest]map[string]bool{}, taken: map[string]bool{}}
	holders := map[string]Digest{}
	for _, d := range all {
		if len(d.Names) == 0 {
			continue
		}
		own, err := d.names()
		if err != nil {
			return nil, err
		}
		for name := range own {
			if was, held := holders[name]; held && d.State != Revoked {
				return nil, fmt.Errorf("%s would be the name of %s and of %s: revoke the key that is no more, or bind it to another name", name, was, d.Digest)
			}
			if d.State != Revoked {
				holders[name] = d.Digest
			}
		}
		for name := range maps.Clone(own) {
			label, _, _ := strings.Cut(name, ".")
			own[label] = true
		}
		n.own[d.Digest] = own
		maps.Copy(n.taken, own)
	}
	if len(n.own) == 0 {
		return nil, nil
	}
	return n, nil
}

func (d Decision) names() (map[string]bool, error) {
	if len(d.Names) > maxNames {
		return nil, fmt.Errorf("%s has %d names: %d are the most", d.Digest, len(d.Names), maxNames)
	}
	own := make(map[string]bool, 2*len(d.Names))
	for _, text := range d.Names {
		name, err := ParseName(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Digest, err)
		}
		own[name] = true
	}
	return own, nil
}
