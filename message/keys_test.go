package message

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// host is one with a key of its own.
type host struct {
	private *rsa.PrivateKey
	pair    *hostkey.Pair
}

func newHost() host {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	pair, err := hostkey.ParsePrivate(text)
	if err != nil {
		panic(err)
	}
	return host{private, pair}
}

// The hosts of the tests: a node, a hub, and one whom nobody trusts.
var (
	node     = sync.OnceValue(newHost)
	hub      = sync.OnceValue(newHost)
	stranger = sync.OnceValue(newHost)
)

func (h host) digest() string { return string(h.pair.Digest()) }

// noon is when all tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// hubOpener trusts node and hub, and is the hub.
func hubOpener() *Opener {
	return &Opener{Keys: trusted(node(), hub()), Self: hub().pair.Digest(), Pair: hub().pair, Now: func() time.Time { return noon }}
}

func trusted(hosts ...host) func(hostkey.Digest) (*hostkey.PublicKey, bool) {
	keys := map[hostkey.Digest]*hostkey.PublicKey{}
	for _, h := range hosts {
		keys[h.pair.Digest()] = h.pair.Public()
	}
	return func(d hostkey.Digest) (*hostkey.PublicKey, bool) {
		k, ok := keys[d]
		return k, ok
	}
}

// hour is the header of what is valid from noon for an hour.
func hour() Header { return Header{Iat: noon.Unix(), Exp: noon.Add(time.Hour).Unix()} }

func hostContainer(tb testing.TB) []byte {
	tb.Helper()
	return encoded(tb, Container{Schema: "host", MessageID: "0198c5f2-7c1e-7b52-9f0a-3f8f6f0f6a11", Version: "1.0", Content: []byte(hostContent)})
}

func sealed(tb testing.TB, container []byte, h Header, by host) []byte {
	tb.Helper()
	frame, err := Seal(container, h, by.pair)
	if err != nil {
		tb.Fatal(err)
	}
	return frame
}
