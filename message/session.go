package message

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// SessionKey is a listener's own voice: an Ed25519 key made at its start, for
// which the host's CFEngine key vouches once (DESIGN.md section 4). A private
// RSA operation for each receipt would cost 25 times the check of the message
// that it answers. Any number of goroutines may use it.
type SessionKey struct {
	private ed25519.PrivateKey
	kid     string
	cert    string
	expires time.Time
	last    atomic.Pointer[sealedHeader]
}

// sealedHeader is the header of what was sealed last, and how it is written:
// receipts of one second have the same, and with the cert in it that is most of
// what they are.
type sealedHeader struct {
	header  Header
	encoded []byte
}

// NewSessionKey makes a key that lives from now for life, at most MaxLifetime;
// who runs longer makes a new one in time.
func NewSessionKey(pair *hostkey.Pair, now time.Time, life time.Duration) (*SessionKey, error) {
	if life < time.Second || life > MaxLifetime {
		return nil, fmt.Errorf("session key: a life of %v; from 1s to %v", life, MaxLifetime)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	k := &SessionKey{private: private, kid: string(pair.Digest()), expires: now.Add(life)}
	if k.cert, err = newCert(pair, public, k.expires); err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	return k, nil
}

// Seal makes the envelope of what a listener says: a JWS, EdDSA under k. Iat and
// Exp of h are required; Alg, Typ, Kid and Cert are set here. It fails on what
// is issued after the key's end.
func (k *SessionKey) Seal(container []byte, h Header) ([]byte, error) {
	if h.Iat >= k.expires.Unix() {
		return nil, errors.New("seal: the session key has expired; make a new one")
	}
	h.Alg, h.Typ, h.Kid, h.Cert, h.Key = algListener, typMessage, k.kid, k.cert, ""
	header, err := k.encode(h)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return signUnder(header, container, func(signed []byte) ([]byte, error) {
		return ed25519.Sign(k.private, signed), nil
	})
}

// encode gives the header as it stands in an envelope.
func (k *SessionKey) encode(h Header) ([]byte, error) {
	if last := k.last.Load(); last != nil && last.header == h {
		return last.encoded, nil
	}
	plain, err := h.encode()
	if err != nil {
		return nil, err
	}
	encoded := base64url.AppendEncode(nil, plain)
	k.last.Store(&sealedHeader{header: h, encoded: encoded})
	return encoded, nil
}

// OpenListener judges what a listener says: an envelope of EdDSA whose cert is
// signed by a trusted host key, the one of kid, encrypted to Pair or not; or a
// bare container, as Open does. The same codes, the same order; a proof ends
// with the envelope's exp or the cert's, whichever comes first. A cert is
// verified once and remembered.
func (o *Opener) OpenListener(frame []byte) (Opened, error) {
	return o.unwrapped(frame, o.proveListener)
}

func (o *Opener) proveListener(e envelope, key *hostkey.PublicKey) (Opened, error) {
	if e.header.Alg != algListener || e.header.Cert == "" {
		return Opened{}, refuseStranger(BadSignature, "alg %.64q from %s; a listener signs by %s with a cert", e.header.Alg, e.header.Kid, algListener)
	}
	v, err := o.voucher(e.header, key)
	if err != nil {
		return Opened{}, err
	}
	if !ed25519.Verify(v.public, e.signed, e.signature) {
		return Opened{}, refuseStranger(BadSignature, "under the session key of %s", e.header.Kid)
	}
	return o.accept(e, key, min(e.header.Exp, v.exp))
}

// voucher gives what the cert of h vouches for.
func (o *Opener) voucher(h Header, key *hostkey.PublicKey) (voucher, error) {
	if v, known := o.certs().get(h.Cert); known && v.kid == h.Kid {
		return v, nil
	}
	v, err := openCert(h.Cert, key)
	if err != nil {
		return voucher{}, err
	}
	if v.exp > o.now().Add(MaxLifetime+o.skew()).Unix() {
		return voucher{}, refuse(Malformed, "cert ends %s, more than 31 days from now; make a shorter one", stamp(v.exp))
	}
	o.certs().put(h.Cert, v)
	return v, nil
}
