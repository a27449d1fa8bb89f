package message

import (
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Opener judges what arrives. Its fields are set before the first call; after
// that any number of goroutines may use it. It must not be copied.
type Opener struct {
	Keys func(hostkey.Digest) (*hostkey.PublicKey, bool) // the trusted keys; asked for every envelope, so that a removed key counts at once
	Self hostkey.Digest                                  // the only aud that is for us; "" refuses every aud
	Pair *hostkey.Pair                                   // opens what is encrypted to it; nil takes nothing that is encrypted
	Now  func() time.Time                                // nil means time.Now
	// Skew is how far iat may lie in the future, at most MaxSkew; 0 means
	// DefaultSkew. exp is exact: the sender chose it (the leeway of RFC 7519
	// section 4.1.4 is a may).
	Skew   time.Duration
	Limits Limits // of a container
	Certs  *Certs // those of listeners that were verified before; nil for this Opener's own

	own Certs
}

// Opened is a message and what is proved about it.
type Opened struct {
	Container Container
	Bytes     []byte             // the container's exact bytes
	Envelope  []byte             // the frame, or the signed envelope that was encrypted in it; known also of what is refused
	Encrypted bool               // it came encrypted
	Header    Header             // the envelope's; zero when bare
	Sender    hostkey.Digest     // whose key signed; "" when bare: nobody
	Key       *hostkey.PublicKey // the sender's; nil when bare
}

// Open judges what a node sends: an envelope of PS256, which may be encrypted to
// Pair, or a bare container, which comes back without a Sender; whether it may is
// for the caller. Envelope, bytes and content may be parts of frame.
//
// The error is a *Refusal. Then Opened holds what is proved so far: Header,
// Sender and Bytes once the signature holds, Container once it is decoded, so
// that even an expired message can be answered by its id.
func (o *Opener) Open(frame []byte) (Opened, error) {
	return o.unwrapped(frame, o.proveNode)
}

// OpenAny judges what a node or a listener may have sent, as Open or OpenListener
// does, by the algorithm that its header names: Opened.ByListener tells which.
func (o *Opener) OpenAny(frame []byte) (Opened, error) {
	return o.unwrapped(frame, func(e envelope, key *hostkey.PublicKey) (Opened, error) {
		if e.header.Alg == algListener {
			return o.proveListener(e, key)
		}
		return o.proveNode(e, key)
	})
}

// ByListener tells that not the sender's host key itself sealed a message but a
// session key that it vouches for, as Opened of OpenListener always are.
func (o Opened) ByListener() bool { return o.Header.Alg == algListener }

// prover judges the signature of an envelope whose kid is key's.
type prover func(envelope, *hostkey.PublicKey) (Opened, error)

// unwrapped lets prove judge the signed envelope of a frame.
func (o *Opener) unwrapped(frame []byte, prove prover) (Opened, error) {
	switch {
	case IsBare(frame):
		return o.bare(frame)
	case !IsEncrypted(frame):
		return o.signed(frame, prove)
	case o.Pair == nil:
		return Opened{}, refuseStranger(NotForMe, "it is encrypted, and there is no key to open it with")
	}
	envelope, err := Decrypt(frame, o.Pair, o.Limits)
	if err != nil {
		return Opened{}, err
	}
	opened, err := o.signed(envelope, prove)
	opened.Encrypted = true
	return opened, err
}

func (o *Opener) signed(frame []byte, prove prover) (Opened, error) {
	e, key, err := o.identify(frame)
	if err != nil {
		return Opened{Envelope: frame}, err
	}
	opened, err := prove(e, key)
	opened.Envelope = frame
	return opened, err
}

func (o *Opener) proveNode(e envelope, key *hostkey.PublicKey) (Opened, error) {
	if e.header.Alg != algNode {
		return Opened{}, refuseStranger(BadSignature, "alg %.64q from %s; a node signs by %s", e.header.Alg, e.header.Kid, algNode)
	}
	if err := key.VerifyPS256(e.signed, e.signature); err != nil {
		return Opened{}, refuseStranger(BadSignature, "under the key %s: %v", e.header.Kid, err)
	}
	return o.accept(e, key, e.header.Exp)
}

func (o *Opener) bare(frame []byte) (Opened, error) {
	c, err := Decode(frame, o.Limits)
	if err != nil {
		return Opened{}, err
	}
	return Opened{Container: c, Bytes: frame, Envelope: frame}, nil
}

// identify reads the envelope's header and finds the key it names.
func (o *Opener) identify(frame []byte) (envelope, *hostkey.PublicKey, error) {
	e, err := open(frame, o.Limits.orDefault())
	if err != nil {
		return envelope{}, nil, err
	}
	key, trusted := o.Keys(hostkey.Digest(e.header.Kid))
	if !trusted {
		return envelope{}, nil, refuseStranger(UnknownSender, "%s is not among the trusted keys", e.header.Kid)
	}
	return e, key, nil
}

// accept takes an envelope whose signature holds. until is when its proof ends.
func (o *Opener) accept(e envelope, key *hostkey.PublicKey, until int64) (Opened, error) {
	opened := Opened{Header: e.header, Sender: key.Digest(), Key: key}
	// Decoded before aud and time are judged, for the answer needs the id;
	// told after them, as the order of the codes wants it.
	var malformed error
	if opened.Bytes, malformed = decodePayload(e.payload); malformed == nil {
		opened.Container, malformed = Decode(opened.Bytes, o.Limits)
	}
	if refusal := o.judge(e.header, until); refusal != nil {
		return opened, refusal
	}
	return opened, malformed
}

// judge asks whether a message is for us, and now.
func (o *Opener) judge(h Header, until int64) *Refusal {
	now := o.now()
	switch {
	case h.Aud != "" && h.Aud != string(o.Self):
		return refuse(NotForMe, "aud is %s; this host is %s", h.Aud, o.Self)
	case now.Unix() >= until:
		return refuse(Expired, "valid until %s, it is %s here; send it anew", stamp(until), stamp(now.Unix()))
	case h.Iat > now.Add(o.skew()).Unix():
		return refuse(Expired, "sealed at %s, it is %s here; set the clocks right", stamp(h.Iat), stamp(now.Unix()))
	}
	return nil
}

func (o *Opener) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o *Opener) certs() *Certs {
	if o.Certs == nil {
		return &o.own
	}
	return o.Certs
}

func (o *Opener) skew() time.Duration {
	if o.Skew == 0 {
		return DefaultSkew
	}
	return o.Skew
}

func stamp(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
