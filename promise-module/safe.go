package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// safeForPolicy makes JSON that every CFEngine version reads without harm
// (facts of 3.21.0 to 3.28.0, libntech json.c and cmdb.c): an exponent or an
// integer beyond int64 ends the agent, one beyond int32 is cut, a null that
// stands for a variable crashes host_specific.json, \u escapes are not decoded,
// and text that looks like a variable expands when policy copies it through a
// string. data is one JSON object or array.
func safeForPolicy(data json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	switch value.(type) {
	case map[string]any, []any:
	default:
		return nil, fmt.Errorf("expected a JSON object or array, got %.40s", data)
	}
	var out bytes.Buffer
	writeSafe(&out, value)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func writeSafe(out *bytes.Buffer, value any) {
	switch v := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case json.Number:
		writeSafeNumber(out, v.String())
	case string:
		writeSafeString(out, v)
	case []any:
		writeSafeArray(out, v)
	case map[string]any:
		writeSafeObject(out, v)
	}
}

func writeSafeArray(out *bytes.Buffer, values []any) {
	out.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			out.WriteByte(',')
		}
		writeSafe(out, v)
	}
	out.WriteByte(']')
}

// writeSafeObject leaves out members that are null: not there is what they
// mean, and what every version reads alike.
func writeSafeObject(out *bytes.Buffer, members map[string]any) {
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	out.WriteByte('{')
	for i, key := range sortedKeys(members) {
		if i > 0 {
			out.WriteByte(',')
		}
		writeSafeString(out, key)
		out.WriteByte(':')
		writeSafe(out, members[key])
	}
	out.WriteByte('}')
}

// maxPlaces are the decimal places that CFEngine keeps of a number.
const maxPlaces = 4

// writeSafeNumber writes a number as such where CFEngine keeps its value: an
// integer of 32 bits, or a decimal of that range with few places. Any other
// becomes a string, digit for digit.
func writeSafeNumber(out *bytes.Buffer, number string) {
	if safeNumber(number) {
		out.WriteString(number)
		return
	}
	writeSafeString(out, number)
}

func safeNumber(number string) bool {
	whole, places, decimal := strings.Cut(number, ".")
	if decimal && (len(places) > maxPlaces || strings.ContainsAny(places, "eE")) {
		return false
	}
	_, err := strconv.ParseInt(whole, 10, 32)
	return err == nil
}

// variable finds the openings that CFEngine expands. A space takes their
// power: the text stays readable, and nothing of it is a variable any more.
var variable = strings.NewReplacer("$(", "$ (", "${", "$ {", "@(", "@ (", "@{", "@ {")

// writeSafeString writes raw UTF-8 with the short escapes only.
func writeSafeString(out *bytes.Buffer, s string) {
	out.WriteByte('"')
	for _, r := range variable.Replace(s) {
		switch r {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		default:
			if r < 0x20 || r == 0x7f {
				r = ' ' // a control byte has no form that every version reads
			}
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
