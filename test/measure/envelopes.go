package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

// senders is how many hosts sign the load.
const senders = 8

// envelopes are signed before anything is measured: at a private RSA operation
// each, they take far longer to make than to judge.
type envelopes struct {
	ids    []string
	frames [][]byte
}

func (e envelopes) first(n int) envelopes { return e.part(0, n) }

func (e envelopes) part(from, n int) envelopes {
	return envelopes{ids: e.ids[from : from+n], frames: e.frames[from : from+n]}
}

// signed gives the envelopes of all loads, which are made when the first one
// wants them.
func (s *stage) signed(ctx context.Context) (envelopes, error) {
	if len(s.envelopes.frames) > 0 {
		return s.envelopes, nil
	}
	pairs, err := s.makeSenders()
	if err != nil {
		return envelopes{}, err
	}
	s.pairs = pairs
	s.envelopes, err = signAll(ctx, s.Messages, s.signing, func(i int) (string, []byte, error) {
		return newEnvelope(i, pairs[i%len(pairs)])
	})
	return s.envelopes, err
}

// makeSenders makes key pairs that the listeners trust.
func (s *stage) makeSenders() ([]*hostkey.Pair, error) {
	pairs := make([]*hostkey.Pair, senders)
	var g errgroup.Group
	g.SetLimit(cores())
	for i := range pairs {
		g.Go(func() (err error) {
			if pairs[i], err = newPair(); err != nil {
				return err
			}
			return trust(s.keys(), pairs[i].Public())
		})
	}
	return pairs, g.Wait()
}

// newPair makes a key pair of the size that cf-key makes.
func newPair() (*hostkey.Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return hostkey.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// signAll makes n envelopes, or as many as the time allows, and shows how far it
// is on a terminal.
func signAll(ctx context.Context, n int, lasts time.Duration, seal func(i int) (id string, frame []byte, err error)) (envelopes, error) {
	e := envelopes{ids: make([]string, n), frames: make([][]byte, n)}
	end := time.Now().Add(lasts)
	var next atomic.Int64
	var g errgroup.Group
	for range cores() {
		g.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				progress("signing", i+1, n)
				var err error
				if e.ids[i], e.frames[i], err = seal(i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	return e.first(min(int(next.Load()), n)), err
}

// newEnvelope seals a host's facts, a container of some 300 bytes.
func newEnvelope(i int, pair *hostkey.Pair) (id string, frame []byte, err error) {
	id, container, err := newContainer(i)
	if err != nil {
		return "", nil, err
	}
	frame, err = seal(i, container, pair)
	return id, frame, err
}

// seal signs the i-th message.
func seal(i int, container []byte, pair *hostkey.Pair) ([]byte, error) {
	now := time.Now()
	h := message.Header{Iat: now.Unix(), Exp: now.Add(24 * time.Hour).Unix(), Seq: uint64(i/senders + 1)}
	return message.Seal(container, h, pair)
}

func newContainer(i int) (id string, container []byte, err error) {
	id = message.NewID()
	content := fmt.Sprintf(`{"uqhost":"x2gvdt%04d","fqhost":"x2gvdt%04[1]d.webhuis.nl","domain":"webhuis.nl","role":"x2gvdt",`+
		`"os":"linux","ostype":"linux_x86_64","flavor":"debian_12","arch":"x86_64","cpus":%d}`, i%10_000, 2+i%7)
	c := message.Container{Schema: "host", MessageID: id, Version: "1.0", Content: []byte(content)}
	container, err = c.Encode()
	return id, container, err
}

// signatureOf is what is behind the second dot of a JWS (RFC 7515 section 7.1).
func signatureOf(frame []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendDecode(nil, frame[bytes.LastIndexByte(frame, '.')+1:])
}

// newList seals the software of a host, in a container of about so many bytes.
func newList(i, size int, pair *hostkey.Pair) (id string, frame []byte, err error) {
	content := []byte(`{"packages":[`)
	for n := 0; len(content) < size-160; n++ {
		content = fmt.Appendf(content, `{"arch":"amd64","method":"apt_get","name":"library-%d-%d","version":"1:9.2p%d-2+deb12u3"},`, i, n, n%50)
	}
	content = append(content[:len(content)-1], "]}"...)
	c := message.Container{Schema: "software", MessageID: message.NewID(), Version: "1.0", Content: content}
	container, err := c.Encode()
	if err != nil {
		return "", nil, err
	}
	frame, err = seal(i, container, pair)
	return c.MessageID, frame, err
}

// bare are containers that nobody has signed.
func bare(n int) (e envelopes, err error) {
	for i := range n {
		id, container, err := newContainer(i)
		if err != nil {
			return e, err
		}
		e.ids, e.frames = append(e.ids, id), append(e.frames, container)
	}
	return e, nil
}
