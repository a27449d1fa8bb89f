package message

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func TestSealAndOpen(t *testing.T) {
	h := hour()
	h.Seq, h.Aud = 42, hub().digest()
	h.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	container := hostContainer(t)
	frame := sealed(t, container, h, node())
	got, err := hubOpener().Open(frame)
	if err != nil {
		t.Fatal(err)
	}
	h.Alg, h.Typ, h.Kid = "PS256", "cf-message", node().digest()
	if got.Header != h || got.Sender != node().pair.Digest() {
		t.Errorf("header is %+v from %s, want %+v", got.Header, got.Sender, h)
	}
	if string(got.Bytes) != string(container) || string(got.Container.Content) != hostContent {
		t.Errorf("the container came as %s", got.Bytes)
	}
	stored, err := Payload(frame)
	if err != nil || string(stored) != string(container) {
		t.Errorf("payload of the stored frame: %s, %v", stored, err)
	}
}

func TestOpenRefusesPayloads(t *testing.T) {
	// The signature holds, so the sender is known, and what he sent is his fault.
	dead := members(node(), "iat", "1", "exp", "2")
	tests := []struct {
		name, header, payload string
		code                  Code
	}{
		{"no JSON", members(node()), "hello", Malformed},
		{"empty", members(node()), "", Malformed},
		{"no container", members(node()), `{"host":1}`, Malformed},
		{"an envelope in an envelope", members(node()), string(sealed(t, hostContainer(t), hour(), node())), Malformed},
		{"expired and no container", dead, "hello", Expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hubOpener().Open(forge(t, tt.header, tt.payload, node()))
			wantCode(t, err, tt.code, "")
			if got.Sender != node().pair.Digest() || string(got.Bytes) != tt.payload || got.Container.Schema != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestOpenRefusesFrames(t *testing.T) {
	good := string(sealed(t, hostContainer(t), hour(), node()))
	parts := strings.Split(good, ".")
	join := func(p ...string) string { return strings.Join(p, ".") }
	tests := []struct {
		name, frame string
		code        Code
	}{
		{"nothing", "", Malformed},
		{"white space before", " " + good, Malformed},
		{"white space before a container", " " + string(hostContainer(t)), Malformed},
		{"a line end after", good + "\n", Malformed},
		{"padded", good + "==", Malformed},
		{"a header with padding", join(parts[0]+"=", parts[1], parts[2]), Malformed},
		{"a line end in the header", join(parts[0][:8]+"\n"+parts[0][8:], parts[1], parts[2]), Malformed},
		{"two parts", join(parts[0], parts[1]), Malformed},
		{"four parts", good + ".", Malformed},
		{"encrypted", join("a", "b", "c", "d", "e"), Malformed},
		{"dots", strings.Repeat(".", 100_000), Malformed},
		{"a JWS in JSON", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, Malformed},
		{"a signature longer than any", join(parts[0], parts[1], strings.Repeat("A", 1368)), Malformed},
		{"no signature", join(parts[0], parts[1], ""), BadSignature},
		{"half a signature", join(parts[0], parts[1], parts[2][:168]), BadSignature},
		{"another's signature", join(parts[0], parts[1], strings.Split(string(sealed(t, hostContainer(t), hour(), hub())), ".")[2]), BadSignature},
		{"no payload", join(parts[0], "", parts[2]), BadSignature},
		{"a payload over the limit", join(parts[0], strings.Repeat("A", 4<<20/3+3), parts[2]), TooLarge},
		{"a container over the limit", "{" + strings.Repeat(" ", 1<<20), TooLarge},
		{"a frame over all limits", strings.Repeat("A", 4<<20), TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hubOpener().Open([]byte(tt.frame))
			wantCode(t, err, tt.code, "")
			checkOpened(t, got, err)
		})
	}
}

func TestOpenAtTheLimit(t *testing.T) {
	// The largest container opens, sealed as well as bare.
	o := hubOpener()
	o.Limits.Size = 512
	lead, tail := `{"a":{"message_id":"m","content":"`, `","version":"1.0"}}`
	full := lead + strings.Repeat("x", 512-len(lead)-len(tail)) + tail
	for _, frame := range [][]byte{[]byte(full), sealed(t, []byte(full), hour(), node())} {
		if _, err := o.Open(frame); err != nil {
			t.Error(err)
		}
	}
	for _, frame := range [][]byte{[]byte(full + " "), sealed(t, []byte(full+" "), hour(), node())} {
		_, err := o.Open(frame)
		wantCode(t, err, TooLarge, "513 bytes; the limit is 512")
	}
}

func TestOpenBare(t *testing.T) {
	// It opens, and nobody is its sender; the listener decides.
	frame := hostContainer(t)
	o := hubOpener()
	for _, open := range []func([]byte) (Opened, error){o.Open, o.OpenListener} {
		got, err := open(frame)
		if err != nil || got.Sender != "" || got.Container.Schema != "host" || string(got.Bytes) != string(frame) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if payload, err := Payload(frame); err != nil || string(payload) != string(frame) {
		t.Errorf("payload %s, %v", payload, err)
	}
	if !IsBare(frame) || IsBare(nil) || IsBare([]byte("eyJ")) {
		t.Error("IsBare")
	}
}

func TestPayloadRefuses(t *testing.T) {
	for _, frame := range []string{"", "a.b", "a.b=.c", "a.b\n.c", "a.b.c.d.e"} {
		_, err := Payload([]byte(frame))
		wantCode(t, err, Malformed, "")
	}
}

func TestRemovedKeyCountsAtOnce(t *testing.T) {
	o := hubOpener()
	frame := sealed(t, hostContainer(t), hour(), node())
	if _, err := o.Open(frame); err != nil {
		t.Fatal(err)
	}
	o.Keys = func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nil, false }
	_, err := o.Open(frame)
	wantCode(t, err, UnknownSender, "")
}

func TestTamperingNeverOpens(t *testing.T) {
	// Each bit turned, each byte left out, each byte doubled: base64url has no
	// second spelling here, so not one of them may open.
	o := hubOpener()
	neverOpens(t, o.Open, sealed(t, hostContainer(t), hour(), node()))
}

func neverOpens(t *testing.T, open func([]byte) (Opened, error), frame []byte) {
	t.Helper()
	if _, err := open(frame); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	check := func(what string, i int, changed []byte) {
		if got, err := open(changed); err == nil {
			t.Fatalf("%s at byte %d of %d: opened as %s from %q", what, i, len(frame), got.Bytes, got.Sender)
		}
	}
	for i := range frame {
		for bit := range 8 {
			changed := slices.Clone(frame)
			changed[i] ^= 1 << bit
			check("bit turned", i, changed)
		}
		check("byte left out", i, slices.Delete(slices.Clone(frame), i, i+1))
		check("byte doubled", i, slices.Insert(slices.Clone(frame), i, frame[i]))
		check("line end", i, slices.Insert(slices.Clone(frame), i, '\n'))
		check("cut short", i, frame[:i])
	}
}

func TestDefaults(t *testing.T) {
	o := &Opener{Keys: trusted(node())}
	frame := sealed(t, hostContainer(t), Header{Iat: time.Now().Unix(), Exp: time.Now().Unix() + 3600}, node())
	if _, err := o.Open(frame); err != nil {
		t.Errorf("zero limits, skew and clock: %v", err)
	}
	// Another skew than the default.
	o.Skew, o.Now = time.Minute, func() time.Time { return noon }
	h := Header{Iat: noon.Unix() + 61, Exp: noon.Unix() + 90}
	_, err := o.Open(sealed(t, hostContainer(t), h, node()))
	wantCode(t, err, Expired, "set the clocks right")
	h.Iat--
	if _, err := o.Open(sealed(t, hostContainer(t), h, node())); err != nil {
		t.Error(err)
	}
}
