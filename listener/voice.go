package listener

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

const (
	// voiceLife bounds what a key taken from the memory of a listener is good for.
	voiceLife = 48 * time.Hour
	// receiptLife is how long a receipt holds: longer than any sender waits for it.
	receiptLife = 24 * time.Hour
	// clockSlack is how far the clock may go back before that is a reason for
	// another key. It is also more than two goroutines' times ever differ.
	clockSlack = time.Minute
)

// voice is the key that seals receipts, with the time from and until which it
// is used. Receipts outlive until by receiptLife, and the key then still holds.
type voice struct {
	key         *message.SessionKey
	from, until time.Time
}

func (v *voice) serves(now time.Time) bool {
	return v != nil && !now.Before(v.from) && !now.After(v.until)
}

// speak gives the key for receipts, made anew where its time is over: once a
// day, or when the clock was set back. That is one private RSA operation;
// those who come meanwhile wait, for the old key may have expired.
func (l *Listener) speak(now time.Time) (*message.SessionKey, error) {
	if v := l.voice.Load(); v.serves(now) {
		return v.key, nil
	}
	l.renewing.Lock()
	defer l.renewing.Unlock()
	if v := l.voice.Load(); v.serves(now) {
		return v.key, nil
	}
	key, err := message.NewSessionKey(l.pair, now, voiceLife)
	if err != nil {
		return nil, fmt.Errorf("make the key that seals receipts: %w", err)
	}
	l.voice.Store(&voice{key: key, from: now.Add(-clockSlack), until: now.Add(voiceLife - receiptLife)})
	return key, nil
}

// seal makes the bytes of the receipt that answers o: nil where nobody hears
// it, or where it cannot be made. What is answered to an encrypted message is
// encrypted to its sender: a view may tell as much as what asked for it.
func (l *Listener) seal(in Incoming, o message.Opened, r message.Receipt) []byte {
	if in.Answer == nil || in.Silent {
		return nil
	}
	sealed, err := l.sealReceipt(in, o, r)
	if err == nil && o.Encrypted && o.Key != nil {
		sealed, err = message.Encrypt(sealed, o.Key)
	}
	if err != nil {
		l.journal.write(slog.LevelError, "receipt not sealed, the message stays without an answer",
			"message_id", o.Container.MessageID, "error", err)
		return nil
	}
	return sealed
}

func (l *Listener) sealReceipt(in Incoming, o message.Opened, r message.Receipt) ([]byte, error) {
	if r.Status != message.Refused { // where the message lies, and how long that has been so
		r.Epoch = l.queue.Epoch()
	}
	c := r.Container(knownID(o))
	if in.Proved && !o.Encrypted {
		return c.Encode()
	}
	return l.Seal(c, "")
}

// Seal makes the envelope of what the listener says, under the key that seals
// its receipts: for the host of that digest alone, "" for any, and good for a day.
func (l *Listener) Seal(c message.Container, aud hostkey.Digest) ([]byte, error) {
	now := l.now()
	key, err := l.speak(now)
	if err != nil {
		return nil, err
	}
	container, err := c.Encode()
	if err != nil {
		return nil, err
	}
	return key.Seal(container, message.Header{Iat: now.Unix(), Exp: now.Add(receiptLife).Unix(), Aud: string(aud)})
}
