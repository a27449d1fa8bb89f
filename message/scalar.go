package message

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// text takes a string.
func (r *reader) text() (string, error) {
	if r.dec.PeekKind() != '"' {
		return "", r.unexpected("a string")
	}
	quoted, err := r.value()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	plain, err := jsontext.AppendUnquote(nil, []byte(quoted))
	return string(plain), err
}

// wholeLimit is the largest integer that every JSON reader keeps exactly
// (RFC 7493 section 2.2).
const wholeLimit = 1<<53 - 1

// whole takes an integer from 0 to wholeLimit, written in digits alone.
func (r *reader) whole() (uint64, error) {
	const what = "a whole number from 0 to 9007199254740991"
	if r.dec.PeekKind() != '0' {
		return 0, r.unexpected(what)
	}
	digits, err := r.value()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || n > wholeLimit {
		return 0, r.fault("expected %s", what)
	}
	return n, nil
}

// filled takes a string that is not empty: what is not known is left out.
func (r *reader) filled() (string, error) {
	s, err := r.text()
	if err == nil && s == "" {
		err = r.fault("empty; leave it out or fill it in")
	}
	return s, err
}

func (r *reader) seconds() (int64, error) {
	n, err := r.whole()
	return int64(n), err
}
