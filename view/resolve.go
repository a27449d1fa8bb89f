package view

import (
	"context"
	"fmt"
	"strings"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// namesLimit bounds what an AmbiguousError tells.
const namesLimit = 20

// AmbiguousError means that several hosts call themselves by one name.
type AmbiguousError struct {
	Name  string
	Hosts []Host // at most twenty
}

// Host is a host with the name that it gave itself.
type Host struct {
	Digest hostkey.Digest
	Name   string
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	for _, h := range e.Hosts {
		fmt.Fprintf(&b, "\n  %s %s", h.Digest, h.Name)
	}
	return fmt.Sprintf("several hosts call themselves %q; name one by its digest:%s", e.Name, b.String())
}

// Host finds a host by its digest, or by what it calls itself: its fully
// qualified name, or else its unqualified one, whatever the case. The error is
// *AmbiguousError where several do. Hosts are known by their own word only, so
// this is for people at the command line and gives nobody a right.
func (r *Runner) Host(ctx context.Context, digestOrName string) (hostkey.Digest, error) {
	if strings.HasPrefix(digestOrName, "SHA=") {
		return hostkey.ParseDigest(digestOrName)
	}
	for _, condition := range []string{
		"(fqhost = ?1 COLLATE NOCASE OR uqhost || '.' || domain = ?1 COLLATE NOCASE)",
		"uqhost = ?1 COLLATE NOCASE",
	} {
		found, err := r.hosts(ctx, condition, digestOrName)
		switch {
		case err != nil:
			return "", fmt.Errorf("looking for host %q: %w", digestOrName, err)
		case len(found) > 1:
			return "", &AmbiguousError{digestOrName, found}
		case len(found) == 1:
			return found[0].Digest, nil
		}
	}
	return "", fmt.Errorf("no host calls itself %q: cf-messaged hosts lists those that are known", digestOrName)
}

// hosts are those of a condition that signed what they say.
func (r *Runner) hosts(ctx context.Context, condition, name string) (found []Host, err error) {
	err = r.with(ctx, func(ctx context.Context, reader *reader) error {
		rows, err := reader.conn.QueryContext(ctx, fmt.Sprintf(`SELECT entity, coalesce(fqhost, uqhost || '.' || domain, uqhost)
			FROM host WHERE entity LIKE 'SHA=%%' AND %s ORDER BY entity LIMIT %d`, condition, namesLimit), name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var h Host
			if err := rows.Scan(&h.Digest, &h.Name); err != nil {
				return err
			}
			found = append(found, h)
		}
		return rows.Err()
	})
	return found, err
}
