package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/webhuis/cfengine-messages/view"
)

// checkFeeds warns of what is refused altogether, and of what lets in or shuts out
// hosts that nobody means.
func checkFeeds(c Config) []finding {
	if len(c.Feeds) == 0 {
		return []finding{warning("feeds", "none, so every message is refused: name a schema, as host: {from: trusted}")}
	}
	set, err := c.views()
	if err != nil {
		set = nil // check tells
	}
	var found []finding
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		feed := c.Feeds[schema]
		from, err := parseFrom(feed.From)
		if err == nil && from.nobody() && !feed.Unsigned {
			found = append(found, warning("feeds."+schema, "nobody may send it: say from: trusted, or list key digests"))
		}
		if set != nil {
			found = append(found, checkAdmitting(c, set, schema, from.views)...)
		}
	}
	if c.Feeds[curveKeySchema].Keep != "" {
		found = append(found, warning("feeds."+curveKeySchema+".keep", "of a host with more than one CURVE key all but the newest leave, and are not admitted any more: leave keep out"))
	}
	return found
}

// checkAdmitting warns of views that say who may send a schema by what hosts say of
// themselves.
func checkAdmitting(c Config, set *view.Set, schema string, names []string) []finding {
	var found []finding
	for _, name := range names {
		v, there := set.Find(name)
		if !there {
			continue // views tells
		}
		for _, read := range reads(v) {
			feed := c.Feeds[read]
			if from, err := parseFrom(feed.From); err == nil && (from.trusted || feed.Unsigned) {
				what := fmt.Sprintf("feeds.%s.from: view %s", schema, name)
				found = append(found, warning(what, "it reads %s, which every host may send, and so let itself in: ask only what few may send, as site data", read))
			}
		}
	}
	return found
}

// tables finds what SQL reads, where it is written plainly: a warning may miss one.
var tables = regexp.MustCompile(`(?i)\b(?:from|join)\s+"?([a-z][a-z0-9_]*)`)

// reads are the schemas that a view says it follows, and those its SQL names.
func reads(v *view.View) []string {
	all := slices.Clone(v.PublishOn)
	for _, c := range v.Containers {
		for _, match := range tables.FindAllStringSubmatch(c.SQL, -1) {
			all = append(all, strings.ToLower(match[1]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
