package truth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/schemas"
)

// unsignedPrefix begins the entity of who did not sign, and so is known by an
// address only, which proves nothing.
const unsignedPrefix = "unsigned:"

// entityOf is what a message is about, by its schema's x-entity.
func entityOf(e schemas.Entity, m *queue.Message, content []byte) (string, error) {
	if e.Sender {
		if m.Sender != "" {
			return m.Sender, nil
		}
		host, _, err := net.SplitHostPort(m.Peer)
		if err != nil {
			host = m.Peer
		}
		return unsignedPrefix + host, nil
	}
	values, err := members(content, e.Properties)
	if err != nil {
		return "", err
	}
	for i, name := range e.Properties {
		if values[i] == nil {
			return "", fmt.Errorf("the content has no %q, which says what it is about", name)
		}
	}
	return encode(values)
}

// EntityOf is how the truth names what a signed message is about: e is its
// schema's x-entity, sender the key digest of who signed. The error names the
// property that the content lacks.
func EntityOf(e schemas.Entity, sender string, content []byte) (string, error) {
	return entityOf(e, &queue.Message{Sender: sender}, content)
}

// Entity is how the truth names what these values of a schema's x-entity
// properties, which are strings, are about.
func Entity(values ...string) string {
	raw := make([]json.RawMessage, len(values))
	for i, v := range values {
		raw[i] = quote(v)
	}
	entity, _ := encode(raw) // strings can always be read
	return entity
}

// encode writes values so that different ones never look the same: a lone string
// as it is, for people will type it, unless it could be taken for something
// else; anything other as a JSON array in one spelling.
func encode(values []json.RawMessage) (string, error) {
	var lone string
	if len(values) == 1 && json.Unmarshal(values[0], &lone) == nil && values[0][0] == '"' && !ambiguous(lone) {
		return lone, nil
	}
	parts := make([]string, len(values))
	for i, v := range values {
		text, err := canonical(v)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	return "[" + strings.Join(parts, ",") + "]", nil
}

func ambiguous(s string) bool {
	return strings.HasPrefix(s, "[") || strings.HasPrefix(s, "SHA=") || strings.HasPrefix(s, unsignedPrefix)
}

// canonical gives every JSON value one spelling. RFC 8785 does so too, but makes
// numbers doubles, by which two different ones may become the same.
func canonical(raw []byte) (string, error) {
	if plain(raw) {
		return string(raw), nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	return string(appendCanonical(nil, v)), nil
}

// plain tells whether it is a string that can be spelled in one way only.
func plain(raw []byte) bool {
	return raw[0] == '"' && !bytes.ContainsFunc(raw, func(r rune) bool { return r == '\\' || r >= utf8.RuneSelf })
}

func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(b, quote(v)...)
	case json.Number:
		return append(b, canonicalNumber(string(v))...)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, item)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, quote(name)...), ':')
			b = appendCanonical(b, v[name])
		}
		return append(b, '}')
	case bool:
		return strconv.AppendBool(b, v)
	}
	return append(b, "null"...)
}

// canonicalNumber is exact: 10, 10.0 and 1e1 are 10; 0.10 is 1e-1.
func canonicalNumber(n string) string {
	n, negative := strings.CutPrefix(n, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(n), "e")
	exponent, _ := strconv.Atoi(power) // bounded by the strict guard; "" is 0
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += len(digits) - len(fraction)
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return "0"
	}
	exponent -= len(digits)
	switch {
	case exponent >= 0 && len(digits)+exponent <= 40:
		digits += strings.Repeat("0", exponent)
	default:
		digits += "e" + strconv.Itoa(exponent)
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// quote writes a string without escaping what only HTML needs.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string has no reason to fail
	return bytes.TrimRight(b.Bytes(), "\n")
}
