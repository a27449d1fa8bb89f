package schemas

import (
	"net/url"
	"strconv"
	"strings"
)

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// escape makes a name one token of a JSON pointer (RFC 6901 section 3).
func escape(name string) string { return escaper.Replace(name) }

// pointerOf undoes the percent encoding that v5 puts over its JSON pointers.
func pointerOf(v5 string) string {
	pointer, err := url.PathUnescape(v5)
	if err != nil {
		return v5
	}
	return pointer
}

// lookup follows a JSON pointer into a decoded document.
func lookup(doc any, pointer string) (any, bool) {
	if pointer == "" {
		return doc, true
	}
	if pointer[0] != '/' {
		return nil, false
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		switch d := doc.(type) {
		case map[string]any:
			member, ok := d[unescaper.Replace(token)]
			if !ok {
				return nil, false
			}
			doc = member
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(d) {
				return nil, false
			}
			doc = d[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// parent splits off a pointer's last token.
func parent(pointer string) (rest, last string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", pointer
	}
	return pointer[:i], pointer[i+1:]
}

func itoa(i int) string { return strconv.Itoa(i) }
