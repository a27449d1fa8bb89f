package message

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// base64url without padding, with canonical trailing bits (RFC 7515 section 2).
var base64url = base64.RawURLEncoding.Strict()

// signatureLimit bounds an encoded signature: an RSA key of 8192 bits.
const signatureLimit = 1366

// envelope is a JWS in compact serialization (RFC 7515 section 7.1), cut up
// and with its header read. The payload is still encoded.
type envelope struct {
	header    Header
	signed    []byte // header and payload as they came: what the signature covers
	payload   []byte
	signature []byte
}

// IsBare tells whether a frame is a bare container rather than an envelope: it
// begins with "{" (DESIGN.md section 4).
func IsBare(frame []byte) bool {
	return len(frame) > 0 && frame[0] == '{'
}

// Payload gives the container's bytes of a stored frame, bare or envelope, as
// Opened.Envelope is one. Nothing is verified: for frames that were, before they
// were stored.
func Payload(frame []byte) ([]byte, error) {
	if IsBare(frame) {
		return frame, nil
	}
	_, payload, _, err := cut(frame)
	if err != nil {
		return nil, err
	}
	return decodePayload(payload)
}

func decodePayload(encoded []byte) ([]byte, error) {
	payload, err := decode64(encoded)
	if err != nil {
		return nil, refuse(Malformed, "payload: %v", err)
	}
	return payload, nil
}

// cut finds the three parts of a compact JWS.
func cut(frame []byte) (header, payload, signature []byte, err error) {
	header, rest, _ := bytes.Cut(frame, []byte("."))
	payload, signature, found := bytes.Cut(rest, []byte("."))
	if found && bytes.IndexByte(signature, '.') < 0 {
		return header, payload, signature, nil
	}
	dots := bytes.Count(frame, []byte("."))
	if dots == 4 {
		return nil, nil, nil, refuse(Malformed, "five parts, so it is encrypted (JWE), where a signed envelope belongs")
	}
	return nil, nil, nil, refuse(Malformed,
		"%d dots; an envelope is a JWS in compact serialization, two dots, and a container begins with {", dots)
}

// open cuts a frame up and reads its header; of the payload it reads nothing.
func open(frame []byte, l Limits) (envelope, error) {
	if len(frame) > frameLimit(l) {
		return envelope{}, tooLarge(len(frame), Limits{Size: frameLimit(l)})
	}
	head, payload, signature, err := cut(frame)
	if err != nil {
		return envelope{}, err
	}
	if size := base64url.DecodedLen(len(payload)); size > l.Size {
		return envelope{}, tooLarge(size, l)
	}
	e := envelope{signed: frame[:len(head)+1+len(payload)], payload: payload}
	if e.header, err = openHeader(head); err != nil {
		return envelope{}, err
	}
	if err := e.header.check(); err != nil {
		return envelope{}, refuse(Malformed, "header: %v", err)
	}
	if len(signature) > signatureLimit {
		return envelope{}, refuse(Malformed, "a signature of %d bytes; the longest has %d", len(signature), signatureLimit)
	}
	if e.signature, err = decode64(signature); err != nil {
		return envelope{}, refuse(Malformed, "signature: %v", err)
	}
	return e, nil
}

// frameLimit is the length of the longest envelope around a container within l.
func frameLimit(l Limits) int {
	return base64url.EncodedLen(headerLimit) + 1 + base64url.EncodedLen(l.Size) + 1 + signatureLimit
}

func openHeader(encoded []byte) (Header, error) {
	if base64url.DecodedLen(len(encoded)) > headerLimit {
		return Header{}, refuse(Malformed, "header: over %d bytes", headerLimit)
	}
	text, err := decode64(encoded)
	if err != nil {
		return Header{}, refuse(Malformed, "header: %v", err)
	}
	h, err := parseHeader(text)
	if err != nil {
		return Header{}, within("header", err)
	}
	return h, nil
}

// decode64 is strict: encoding/base64 alone would pass over line ends, so that
// two texts would mean one thing.
func decode64(encoded []byte) ([]byte, error) {
	if bytes.IndexByte(encoded, '\n') >= 0 || bytes.IndexByte(encoded, '\r') >= 0 {
		return nil, errors.New("a line end in base64url; leave it out")
	}
	plain := make([]byte, base64url.DecodedLen(len(encoded)))
	if _, err := base64url.Decode(plain, encoded); err != nil {
		return nil, errors.New("not base64url without padding")
	}
	return plain, nil
}
