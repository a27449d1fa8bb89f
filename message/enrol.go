package message

import "github.com/webhuis/cfengine-messages/hostkey"

// Enrolment gives the key of a host that asks to be trusted: one that is not,
// whose envelope was made by Enrol, for us and in time. The signature holds
// under the key in the header, so whoever sent it has the private half; that is
// all that is proved. Of the payload nothing is read.
//
// envelope is Opened.Envelope of what was refused with UnknownSender. may is
// asked by the key's name before the signature is checked, which costs as much
// as for any message and which anybody can have done.
func (o *Opener) Enrolment(envelope []byte, may func(hostkey.Digest) bool) (key *hostkey.PublicKey, asks bool) {
	e, err := open(envelope, o.Limits.orDefault())
	if err != nil || e.header.Key == "" || o.judge(e.header, e.header.Exp) != nil || !may(hostkey.Digest(e.header.Kid)) {
		return nil, false
	}
	key, err = hostkey.ParseText(e.header.Key) // it is kid's: open has seen to that
	if err != nil || key.VerifyPS256(e.signed, e.signature) != nil {
		return nil, false
	}
	return key, true
}
