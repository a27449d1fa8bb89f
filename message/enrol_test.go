package message

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func enrolment(t *testing.T, h Header, by host) []byte {
	t.Helper()
	frame, err := Enrol(hostContainer(t), h, by.pair)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func anybody(hostkey.Digest) bool { return true }

func TestEnrolment(t *testing.T) {
	// A stranger is refused as ever, and the key that he has proved is known.
	frame := enrolment(t, hour(), stranger())
	o := hubOpener()
	got, err := o.OpenAny(frame)
	wantCode(t, err, UnknownSender, "")
	checkOpened(t, got, err)
	key, asks := o.Enrolment(got.Envelope, anybody)
	if !asks || key.Digest() != stranger().pair.Digest() {
		t.Errorf("asks %v", asks)
	}
	// The same, encrypted to the hub.
	got, err = o.OpenAny(encrypted(t, frame, hub().pair.Public()))
	wantCode(t, err, UnknownSender, "")
	if _, asks := o.Enrolment(got.Envelope, anybody); !asks {
		t.Error("encrypted, it does not ask")
	}
	// Who is trusted already says it like any message.
	if got, err := o.Open(enrolment(t, hour(), node())); err != nil || got.Header.Key == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoEnrolment(t *testing.T) {
	forHub := hour()
	forHub.Aud = hub().digest()
	for name, frame := range map[string][]byte{
		"no key":         sealed(t, hostContainer(t), hour(), stranger()),
		"another's key":  forge(t, members(stranger(), "key", `"`+node().pair.Public().Text()+`"`), "x", stranger()),
		"not signed":     forge(t, members(stranger(), "key", `"`+stranger().pair.Public().Text()+`"`), "x", node()),
		"for another":    enrolment(t, audience(node()), stranger()),
		"expired":        enrolment(t, Header{Iat: 1, Exp: 2}, stranger()),
		"not yet valid":  enrolment(t, Header{Iat: noon.Unix() + 3600, Exp: noon.Unix() + 7200}, stranger()),
		"bare":           hostContainer(t),
		"rubbish":        []byte("a.b.c"),
		"nothing at all": nil,
	} {
		if key, asks := hubOpener().Enrolment(frame, anybody); asks || key != nil {
			t.Errorf("%s: it asks", name)
		}
	}
	frame := enrolment(t, forHub, stranger())
	var asked hostkey.Digest
	if _, asks := hubOpener().Enrolment(frame, func(d hostkey.Digest) bool { asked = d; return false }); asks || asked != stranger().pair.Digest() {
		t.Errorf("who may not is heard; asked for %s", asked)
	}
	neverEnrols(t, frame)
}

// neverEnrols turns a bit of each byte.
func neverEnrols(t *testing.T, frame []byte) {
	t.Helper()
	o := hubOpener()
	if _, asks := o.Enrolment(frame, anybody); !asks {
		t.Fatal("untouched, it does not ask")
	}
	for i := range frame {
		changed := append([]byte{}, frame...)
		changed[i] ^= 1
		if key, asks := o.Enrolment(changed, anybody); asks {
			t.Fatalf("bit turned at byte %d: asks for %s", i, key.Digest())
		}
	}
}

func TestHeaderWithAKey(t *testing.T) {
	text := node().pair.Public().Text()
	der, _ := base64.RawURLEncoding.DecodeString(text)
	for name, key := range map[string]string{
		"another's": stranger().pair.Public().Text(),
		"padded":    text + "=",
		"cut":       text[:len(text)-4],
		"longer":    base64.RawURLEncoding.EncodeToString(append(der, 0)),
		"a path":    "../../ppkeys/localhost.pub",
		"huge":      strings.Repeat("A", 2000),
		"PEM":       strings.ReplaceAll(string(node().pair.Public().PEM()), "\n", `\n`),
	} {
		_, err := hubOpener().Open(forge(t, members(node(), "key", `"`+key+`"`), string(hostContainer(t)), node()))
		if wantCode(t, err, Malformed, "key"); t.Failed() {
			t.Fatal(name)
		}
	}
	_, err := hubOpener().OpenListener(forge(t, members(node(), "alg", `"EdDSA"`, "key", `"`+text+`"`), "x", node()))
	wantCode(t, err, Malformed, "key stands beside")
}
