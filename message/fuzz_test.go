package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// FuzzOpen is what a stranger can do: no frame of his making may open.
func FuzzOpen(f *testing.F) {
	o := hubOpener()
	o.Keys = func(hostkey.Digest) (*hostkey.PublicKey, bool) { return node().pair.Public(), true } // so that any kid reaches the signature
	known := map[string]bool{}
	add := func(frame []byte) {
		known[string(frame)] = true
		f.Add(frame)
	}
	add(sealed(f, hostContainer(f), hour(), node()))
	add(receiptFrame(f, session(f, hub())))
	f.Add(hostContainer(f))
	f.Add([]byte("a.b.c"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, open := range []func([]byte) (Opened, error){o.Open, o.OpenListener} {
			got, err := open(frame)
			var r *Refusal
			switch {
			case err != nil && (!errors.As(err, &r) || !slices.Contains(Codes, r.Code)):
				t.Fatalf("not a refusal: %v", err)
			case err != nil:
				checkPlainText(t, r.Error())
			case got.Sender != "" && !known[string(frame)]:
				t.Fatalf("opened what nobody sealed: %q", frame)
			case got.Sender == "" && !IsBare(frame):
				t.Fatalf("an envelope of nobody: %q", frame)
			}
		}
	})
}

// FuzzDecrypt is what anybody can do who sees an encrypted frame: none that he
// makes of it opens. The pair is a file's: other processes of a fuzzer have the
// same seeds.
func FuzzDecrypt(f *testing.F) {
	pair := smallPair(f)
	o := hubOpener()
	o.Pair = pair
	const inside = "a.b.c"
	seed := encrypted(f, []byte(inside), pair.Public())
	f.Add(seed)
	f.Add([]byte("a.b.c.d.e"))
	f.Add([]byte(base64url.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM","cty":"JWS","zip":"DEF"}`)) + "...."))
	f.Fuzz(func(t *testing.T, frame []byte) {
		plain, err := Decrypt(frame, pair, Limits{})
		if err == nil && (string(plain) != inside || len(frame) != len(seed)) {
			t.Fatalf("opened %q, which nobody encrypted, as %q", frame, plain)
		}
		_, err = o.Open(frame)
		var r *Refusal
		switch {
		case err == nil && !IsBare(frame):
			t.Fatalf("opened %q, which nobody signed", frame)
		case err != nil && (!errors.As(err, &r) || !slices.Contains(Codes, r.Code)):
			t.Fatalf("not a refusal: %v", err)
		case err != nil:
			checkPlainText(t, r.Error())
		}
	})
}

// FuzzSigned is what a trusted host can do: whatever header and payload it
// signs, what opens means the same to any JSON reader. KID stands for the host's
// digest, which is another in every run.
func FuzzSigned(f *testing.F) {
	o := hubOpener()
	header := fmt.Sprintf(`{"alg":"PS256","typ":"cf-message","kid":"KID","iat":%d,"exp":%d,"seq":7}`, noon.Unix(), noon.Unix()+60)
	container := string(hostContainer(f))
	f.Add(header, container)
	f.Add(header, `{"a":{"message_id":"\u006d","content":1e308,"version":"1.0"}}`)
	f.Add(strings.Replace(header, "alg", `\u0061lg`, 1), container)
	f.Add(strings.Replace(header, "7", `7,"aud":"KID"`, 1), container)
	f.Fuzz(func(t *testing.T, header, payload string) {
		header = strings.ReplaceAll(header, "KID", node().digest())
		got, err := o.Open(forge(t, header, payload, node()))
		if err != nil {
			checkPlainText(t, err.Error())
			return
		}
		var h Header
		if err := json.Unmarshal([]byte(header), &h); err != nil || h != got.Header {
			t.Fatalf("encoding/json reads the header as %+v, %v; we as %+v", h, err, got.Header)
		}
		checkReadsAlike(t, []byte(payload), got.Container)
	})
}

// FuzzEnrolment is what anybody can do who saw a host ask to be trusted: what he
// makes of it asks for nothing. The pair is a file's: other processes of a
// fuzzer have the same seeds, but for their signatures.
func FuzzEnrolment(f *testing.F) {
	o := hubOpener()
	pair := smallPair(f)
	seed, err := Enrol(hostContainer(f), hour(), pair)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(sealed(f, hostContainer(f), hour(), node()))
	signed := seed[:strings.LastIndexByte(string(seed), '.')]
	f.Fuzz(func(t *testing.T, frame []byte) {
		key, asks := o.Enrolment(frame, anybody)
		if asks != (key != nil) || asks && (key.Digest() != pair.Digest() || !strings.HasPrefix(string(frame), string(signed)+".")) {
			t.Fatalf("%q asks", frame)
		}
	})
}

// FuzzQuick: what is passed over quickly, reader takes too, and reads alike.
func FuzzQuick(f *testing.F) {
	f.Add(hostContainer(f), 3)
	for _, text := range []string{
		`{"alg":"PS256","typ":"cf-message","kid":"SHA=0","iat":1,"exp":9007199254740991,"seq":12}`, `{"seq":-1,"iat":01}`, `{"iat":1,"iat":2}`,
		` {"a" : {"message_id":"m", "content":[1.5e3,{"b":{},"c":"é\n"}],"version":"1.0"} } `, `{"a":{"message_id":"m","content":1,"content":2,"version":"1.0"}}`,
		`{"a":{"message_id":"m","content":{"b":1,"b":2},"version":"1.0"}}`, `{"a":{"content":"\u0000"}}`, `["\ud800"]`, "[\"\xff\"]", `[1e400,1e99]`, `{"a":{},"b":{}}`,
	} {
		f.Add([]byte(text), 5)
	}
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		depth &= 31
		if quickCheck(b, depth) {
			if err := read(b, depth, func(r *reader) error { _, err := r.value(); return err }); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
		}
		if got, ok := quickDecode(b, depth); ok {
			var want Container
			if err := read(b, depth+2, want.read); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: %+v\n%+v, %v", b, got, want, err)
			}
		}
		if got, ok := quickHeader(b); ok {
			var want Header
			err := read(b, 1, func(r *reader) error { return r.object(func(name string) error { return want.member(r, name) }) })
			if err != nil || got != want {
				t.Fatalf("%q: %+v\n%+v, %v", b, got, want, err)
			}
		}
	})
}

// TestQuickTakesTheOrdinary: reader is for what is rare.
func TestQuickTakesTheOrdinary(t *testing.T) {
	if _, ok := quickDecode(hostContainer(t), 8); !ok {
		t.Error("a container is left to reader")
	}
	text, err := decode64([]byte(strings.Split(string(sealed(t, hostContainer(t), hour(), node())), ".")[0]))
	if _, ok := quickHeader(text); !ok || err != nil {
		t.Errorf("the header %s is left to reader, %v", text, err)
	}
}
