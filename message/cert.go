package message

import (
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// A cert is a JWS PS256 of the host key over {"jwk":{…},"exp":…}, the jwk of
// RFC 8037 section 2. Its typ differs from an envelope's, so that neither can
// ever stand for the other.

// voucher is what a cert says.
type voucher struct {
	kid    string // the host that vouches
	public ed25519.PublicKey
	exp    int64 // seconds since 1970
}

func newCert(pair *hostkey.Pair, public ed25519.PublicKey, expires time.Time) (string, error) {
	header := certHeader(string(pair.Digest()))
	payload := fmt.Sprintf(`{"jwk":{"crv":"Ed25519","kty":"OKP","x":"%s"},"exp":%d}`,
		base64url.EncodeToString(public), expires.Unix())
	cert, err := sign([]byte(header), []byte(payload), pair.SignPS256)
	return string(cert), err
}

func certHeader(kid string) string {
	return `{"alg":"` + algNode + `","typ":"` + typCert + `","kid":"` + kid + `"}`
}

// openCert verifies a cert under the key of the host that the envelope names;
// nothing of its payload is read before.
func openCert(cert string, key *hostkey.PublicKey) (voucher, error) {
	head, payload, signature, err := cut([]byte(cert))
	if err != nil {
		return voucher{}, refuse(Malformed, "cert: not a JWS in compact serialization")
	}
	kid := string(key.Digest())
	if err := checkCertHeader(head, kid); err != nil {
		return voucher{}, err
	}
	proof, err := decode64(signature)
	if err != nil {
		return voucher{}, within("cert: signature", err)
	}
	if err := key.VerifyPS256([]byte(cert[:len(head)+1+len(payload)]), proof); err != nil {
		return voucher{}, refuseStranger(BadSignature, "cert of %s: %v", kid, err)
	}
	return readCert(payload, kid)
}

// checkCertHeader wants the one header that a cert has.
func checkCertHeader(encoded []byte, kid string) error {
	h, err := openHeader(encoded)
	switch {
	case err != nil:
		return within("cert", err)
	case h.Alg != algNode:
		return refuseStranger(BadSignature, "cert of %s: alg %.64q; it must be %s", kid, h.Alg, algNode)
	case h != Header{Alg: algNode, Typ: typCert, Kid: kid}:
		return refuse(Malformed, "cert: its header must be %s", certHeader(kid))
	}
	return nil
}

func readCert(encoded []byte, kid string) (voucher, error) {
	text, err := decode64(encoded)
	if err != nil {
		return voucher{}, within("cert", err)
	}
	v := voucher{kid: kid}
	err = read(text, 2, func(r *reader) error {
		return r.object(func(name string) (err error) {
			switch name {
			case "jwk":
				v.public, err = r.jwk()
			case "exp":
				v.exp, err = r.seconds()
			default:
				err = r.fault("not a member of a cert")
			}
			return err
		})
	})
	if err != nil {
		return voucher{}, within("cert", err)
	}
	if len(v.public) != ed25519.PublicKeySize || v.exp == 0 {
		return voucher{}, refuse(Malformed, "cert: jwk and exp are required")
	}
	return v, nil
}

// jwk takes an Ed25519 public key as RFC 8037 section 2 writes it.
func (r *reader) jwk() (ed25519.PublicKey, error) {
	members := map[string]string{}
	err := r.object(func(name string) (err error) {
		members[name], err = r.text()
		return err
	})
	if err != nil {
		return nil, err
	}
	x, err := decode64([]byte(members["x"]))
	if err != nil || len(x) != ed25519.PublicKeySize ||
		len(members) != 3 || members["kty"] != "OKP" || members["crv"] != "Ed25519" {
		return nil, r.fault("not the jwk of an Ed25519 public key")
	}
	return x, nil
}

// certLimit bounds the memory: listeners that one program hears at a time, and
// some of their restarts.
const certLimit = 64

// Certs remembers verified certs, so that a reader of many receipts verifies
// RSA once for each listener. Only proved certs enter, so no stranger can fill
// it. The zero value is empty; any number of Openers and goroutines may share
// one.
type Certs struct {
	mu    sync.Mutex
	known map[string]voucher
}

func (c *Certs) get(cert string) (voucher, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.known[cert]
	return v, ok
}

func (c *Certs) put(cert string, v voucher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[string]voucher)
	}
	for old := range c.known {
		if len(c.known) < certLimit {
			break
		}
		delete(c.known, old)
	}
	c.known[cert] = v
}
