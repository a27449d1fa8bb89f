package message

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// What stands in a header.
const (
	algNode     = "PS256" // a node's RSA key (RFC 7518 section 3.5)
	algListener = "EdDSA" // a listener's session key (RFC 8037 section 3.1)
	typMessage  = "cf-message"
	typCert     = "cf-listener-key"
)

// MaxLifetime bounds exp - iat. A listener that remembers message ids for this
// long and MaxSkew answers every replay with duplicate.
const MaxLifetime = 31 * 24 * time.Hour

// How far a sender's clock may be ahead of ours.
const (
	DefaultSkew = 5 * time.Minute
	MaxSkew     = time.Hour
)

// headerLimit bounds a decoded header, in bytes. A node's takes about 300;
// a listener's, with the cert of an 8192 bit key, about 3000.
const headerLimit = 4096

// Header is an envelope's protected header (DESIGN.md section 4). Who seals
// gives Iat, Exp and what is optional; Alg, Typ, Kid and Cert are filled in.
type Header struct {
	Alg string // PS256 from a node, EdDSA from a listener
	Typ string // cf-message
	Kid string // digest of the host key behind the envelope
	Iat int64  // when it was sealed, seconds since 1970
	Exp int64  // from when on it must not be accepted; at most MaxLifetime after Iat
	// Seq is the sender's counter per schema; 0 when it does not count. At
	// most 2^53 - 1, the largest integer every JSON reader keeps.
	Seq         uint64
	Aud         string // digest of the host it is for; "" when for any
	Traceparent string // W3C trace context; "" when none
	Cert        string // what vouches for a listener's session key; "" from a node
	// Key is the public key that Kid names, where a host asks to be trusted:
	// PublicKey.Text of package hostkey. It proves nothing about the host; see
	// Opener.Enrolment.
	Key string
}

// encode writes the members in a fixed order. Nothing needs escaping: check
// has bounded every string's alphabet.
func (h Header) encode() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	b := make([]byte, 0, 384+len(h.Cert))
	b = append(b, `{"alg":"`+h.Alg+`","typ":"`+h.Typ+`","kid":"`+h.Kid+`","iat":`...)
	b = strconv.AppendInt(b, h.Iat, 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, h.Exp, 10)
	if h.Seq != 0 {
		b = append(b, `,"seq":`...)
		b = strconv.AppendUint(b, h.Seq, 10)
	}
	b = appendText(b, "aud", h.Aud)
	b = appendText(b, "traceparent", h.Traceparent)
	b = appendText(b, "cert", h.Cert)
	b = appendText(b, "key", h.Key)
	return append(b, '}'), nil
}

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(b, `,"`+name+`":"`+value+`"`...)
}

// parseHeader takes the members of DESIGN.md section 4 and no others: what a
// receiver does not understand (crit, b64, jwk, jku, zip, ...) it must not
// pass over (RFC 7515 section 4.1.11).
func parseHeader(b []byte) (Header, error) {
	if h, ok := quickHeader(b); ok {
		return h, nil
	}
	var h Header
	err := read(b, 1, func(r *reader) error {
		return r.object(func(name string) error { return h.member(r, name) })
	})
	return h, err
}

func (h *Header) member(r *reader, name string) (err error) {
	switch name {
	case "alg":
		h.Alg, err = r.filled()
	case "typ":
		h.Typ, err = r.filled()
	case "kid":
		h.Kid, err = r.filled()
	case "iat":
		h.Iat, err = r.seconds()
	case "exp":
		h.Exp, err = r.seconds()
	case "seq":
		h.Seq, err = r.whole()
	case "aud":
		h.Aud, err = r.filled()
	case "traceparent":
		h.Traceparent, err = r.filled()
	case "cert":
		h.Cert, err = r.filled()
	case "key":
		h.Key, err = r.filled()
	default:
		err = r.fault("not a header of an envelope; leave it out")
	}
	return err
}

// check judges a header by itself, the same before sealing as after opening.
// Alg is not looked at: another algorithm is a bad signature, found later.
func (h Header) check() error {
	if h.Typ != typMessage {
		return fmt.Errorf("typ is %.64q; it must be %q", h.Typ, typMessage)
	}
	if _, err := hostkey.ParseDigest(h.Kid); err != nil {
		return fmt.Errorf("kid: %w", err)
	}
	if h.Aud != "" {
		if _, err := hostkey.ParseDigest(h.Aud); err != nil {
			return fmt.Errorf("aud: %w", err)
		}
	}
	if h.Traceparent != "" && !validTrace(h.Traceparent) {
		return errors.New("traceparent is not of W3C Trace Context, version 00")
	}
	if h.Cert != "" && h.Alg != algListener {
		return fmt.Errorf("cert stands beside alg %q alone", algListener)
	}
	if err := h.checkKey(); err != nil {
		return err
	}
	if h.Seq > wholeLimit {
		return fmt.Errorf("seq is over %d", uint64(wholeLimit))
	}
	return h.checkLifetime()
}

// checkKey wants the very key that kid names, so that no header ever offers
// another: kid decides whose message it is, key or not.
func (h Header) checkKey() error {
	if h.Key == "" {
		return nil
	}
	if h.Alg != algNode {
		return fmt.Errorf("key stands beside alg %q alone", algNode)
	}
	key, err := hostkey.ParseText(h.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if string(key.Digest()) != h.Kid {
		return errors.New("key is not the one that kid names")
	}
	return nil
}

func (h Header) checkLifetime() error {
	switch {
	case h.Iat <= 0 || h.Exp <= 0:
		return errors.New("iat and exp are required, in seconds since 1970")
	case h.Iat > wholeLimit || h.Exp > wholeLimit:
		return fmt.Errorf("iat or exp is over %d", int64(wholeLimit))
	case h.Exp <= h.Iat:
		return errors.New("exp is not after iat")
	case h.Exp-h.Iat > int64(MaxLifetime/time.Second):
		return errors.New("exp is more than 31 days after iat; shorten the lifetime")
	}
	return nil
}

// validTrace is the grammar of traceparent, version 00 (W3C Trace Context
// section 3.2): version, trace id, parent id, flags; neither id all zeros.
func validTrace(s string) bool {
	parts := strings.Split(s, "-")
	return len(s) == 55 && len(parts) == 4 &&
		parts[0] == "00" && validHex(parts[1], 32) && validHex(parts[2], 16) && len(parts[3]) == 2 &&
		only(s, "0123456789abcdef-")
}

// validHex tells of n digits that are not all zero; the alphabet is for the caller.
func validHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0") != ""
}
