package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

const anID = "0198c5f2-7c1e-7b52-9f0a-3f8f6f0f6a11"

var aTime = time.Unix(1_780_000_000, 0)

// readerOf is a reader that trusts the hub; required names its key.
func readerOf(required bool) reader {
	r := reader{messageID: anID, sent: []byte(`{"host":{}}`), now: func() time.Time { return aTime },
		own: func() (*hostkey.Pair, error) { return nodeKey().pair, nil },
		trusted: func(d hostkey.Digest) (*hostkey.PublicKey, bool) {
			hub := hubKey().pair.Public()
			return hub, hub.Digest() == d
		}}
	if required {
		r.required = hubKey().pair.Public()
	}
	return r
}

func refusedWith(code message.Code) message.Receipt {
	return message.Receipt{Status: message.Refused, Code: code, Reason: "because"}
}

// tampered flips a bit of one of the three parts of an envelope.
func tampered(frame []byte, part int) []byte {
	parts := bytes.Split(bytes.Clone(frame), []byte("."))
	middle := parts[part][len(parts[part])/2:]
	middle[0] = map[bool]byte{true: 'B', false: 'A'}[middle[0] == 'A']
	return bytes.Join(parts, []byte("."))
}

func TestAnAnswerWithoutAKeyToProveIt(t *testing.T) {
	hub := string(hubKey().pair.Digest())
	for _, c := range []struct {
		what     string
		frame    []byte
		status   message.Status
		listener string
		plain    bool
		view     string
	}{
		{"a receipt of a known listener", sealedReceipt(t, hubKey(), stored, anID, aTime), message.Stored, hub, false, ""},
		{"a receipt of an unknown listener", sealedReceipt(t, strangerKey(), stored, anID, aTime), message.Stored, "", false, ""},
		{"a bare receipt", bareReceipt(t, stored, anID), message.Stored, "", false, ""},
		{"stored before", sealedReceipt(t, hubKey(), message.Receipt{Status: message.Duplicate}, anID, aTime), message.Duplicate, hub, false, ""},
		{"refused", sealedReceipt(t, hubKey(), refusedWith(message.Denied), anID, aTime), message.Refused, hub, false, ""},
		{"refused without knowing the id", sealedReceipt(t, hubKey(), refusedWith(message.Malformed), message.NilID, aTime), message.Refused, hub, false, ""},
		{"a receipt with a view", sealedReceipt(t, hubKey(), answerWithView().receipt, anID, aTime), message.Stored, hub, false, `{"role":"web"}`},
		{"plain text", []byte("received"), message.Stored, "", true, ""},
		{"text with dots", []byte("www.example.com"), message.Stored, "", true, ""},
		{"nothing", nil, message.Stored, "", true, ""},
		{"no text at all", []byte{0xff, 0x00}, message.Stored, "", true, ""},
		{"JSON", []byte(`{"role":"web","n":1e5}`), message.Stored, "", true, `{"role":"web","n":1e5}`},
		{"a JSON list", []byte(`[1]`), message.Stored, "", true, `[1]`},
		{"broken JSON", []byte(`{"role":`), message.Stored, "", true, ""},
		{"a key twice", []byte(`{"a":1,"a":2}`), message.Stored, "", true, ""},
		{"JSON beyond the depth", []byte(strings.Repeat("[", 40) + strings.Repeat("]", 40)), message.Stored, "", true, ""},
		{"an echo", []byte(`{"host":{}}`), message.Stored, "", true, ""},
	} {
		a, err := readerOf(false).read(c.frame)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		view := ""
		if a.receipt.View != nil {
			view = string(a.receipt.View.Data)
		}
		if a.receipt.Status != c.status || string(a.listener) != c.listener || a.plain != c.plain || view != c.view {
			t.Errorf("%s: %+v, view %s", c.what, a, view)
		}
	}
}

func TestAnEchoOfAnEnvelopeIsAPlainAnswer(t *testing.T) {
	frame, err := message.Seal(bareReceipt(t, stored, anID), message.Header{Iat: aTime.Unix(), Exp: aTime.Unix() + 60}, nodeKey().pair)
	if err != nil {
		t.Fatal(err)
	}
	r := readerOf(false)
	r.sent = frame
	if a, err := r.read(frame); err != nil || !a.plain {
		t.Errorf("%+v, %v", a, err)
	}
}

// What claims to be a receipt and is broken is no delivery, known listener or not.
func TestAnAnswerThatIsABrokenReceipt(t *testing.T) {
	good := sealedReceipt(t, hubKey(), stored, anID, aTime)
	for _, c := range []struct {
		what  string
		frame []byte
		says  string
	}{
		{"for another message", sealedReceipt(t, hubKey(), stored, "another", aTime), "for message another, not for " + anID},
		{"bare and for another message", bareReceipt(t, stored, "another"), "for message another"},
		{"stored without an id", sealedReceipt(t, hubKey(), stored, message.NilID, aTime), "not for " + anID},
		{"a header that was changed", tampered(good, 0), "does not hold"},
		{"a payload that was changed", tampered(good, 1), "does not hold: bad_signature"},
		{"a signature that was changed", tampered(good, 2), "does not hold: bad_signature"},
		{"cut off", good[:len(good)/2], "does not hold"},
		{"old", sealedReceipt(t, hubKey(), stored, anID, aTime.Add(-time.Hour)), "does not hold: expired"},
		{"from the future", sealedReceipt(t, hubKey(), stored, anID, aTime.Add(time.Hour)), "does not hold: expired"},
		{"a status that there is not", []byte(strings.Replace(string(bareReceipt(t, stored, anID)), "stored", "lost", 1)), "malformed"},
		{"another version", []byte(strings.Replace(string(bareReceipt(t, stored, anID)), "1.0", "2.0", 1)), "malformed"},
		{"no container", []byte("eyJhIjoxfQ.e30.AA"), "does not hold"},
	} {
		_, err := readerOf(false).read(c.frame)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: expected an error that says %q, got %v", c.what, c.says, err)
		}
	}
	// A node may not speak as a listener, even with a key that is trusted.
	signed, err := message.Seal(bareReceipt(t, stored, anID), message.Header{Iat: aTime.Unix(), Exp: aTime.Unix() + 60}, hubKey().pair)
	if err != nil {
		t.Fatal(err)
	}
	_, err = readerOf(false).read(signed)
	mustFail(t, err, "bad_signature")
}

// Where policy names the listener's key nothing else counts (DESIGN.md section 6).
func TestOnlyTheNamedListenersReceiptsCount(t *testing.T) {
	good := sealedReceipt(t, hubKey(), stored, anID, aTime)
	a, err := readerOf(true).read(good)
	if err != nil || a.listener != hubKey().pair.Digest() || a.plain {
		t.Fatalf("its own receipt: %+v, %v", a, err)
	}
	signed, err := message.Seal(bareReceipt(t, stored, anID), message.Header{Iat: aTime.Unix(), Exp: aTime.Unix() + 60}, hubKey().pair)
	if err != nil {
		t.Fatal(err)
	}
	for what, frame := range map[string][]byte{
		"a bare receipt":                   bareReceipt(t, stored, anID),
		"a bare refusal":                   bareReceipt(t, refusedWith(message.Denied), anID),
		"plain text":                       []byte("received"),
		"nothing":                          nil,
		"a view":                           []byte(`{"role":"web"}`),
		"an echo":                          readerOf(true).sent,
		"another listener's":               sealedReceipt(t, strangerKey(), stored, anID, aTime),
		"one that was changed":             tampered(good, 1),
		"one with another header":          tampered(good, 0),
		"one with another signature":       tampered(good, 2),
		"one that is old":                  sealedReceipt(t, hubKey(), stored, anID, aTime.Add(-time.Hour)),
		"one of a node with the right key": signed,
		"half of it":                       good[:len(good)/2],
	} {
		_, err := readerOf(true).read(frame)
		if err == nil {
			t.Errorf("%s counts as delivery", what)
			continue
		}
		mustFail(t, err, "the answer is not a receipt of the listener "+string(hubKey().pair.Digest()))
	}
	_, err = readerOf(true).read(sealedReceipt(t, hubKey(), stored, "another", aTime))
	mustFail(t, err, "for message another")
}

func TestViewsAsLargeAsCFEngineReadsFitAReceipt(t *testing.T) {
	large := message.Receipt{Status: message.Stored, View: &message.View{Name: "cmdb",
		Data: json.RawMessage(`["` + strings.Repeat("x", maxView-100) + `"]`)}}
	if a, err := readerOf(true).read(sealedReceipt(t, hubKey(), large, anID, aTime)); err != nil || a.receipt.View == nil {
		t.Errorf("a view of 5 MiB: %v", err)
	}
	deep := message.Receipt{Status: message.Stored, View: &message.View{Name: "cmdb",
		Data: json.RawMessage(strings.Repeat("[", 32) + strings.Repeat("]", 32))}}
	if _, err := readerOf(true).read(sealedReceipt(t, hubKey(), deep, anID, aTime)); err != nil {
		t.Errorf("a view of 32 levels: %v", err)
	}
	large.View.Data = json.RawMessage(`["` + strings.Repeat("x", maxView+1<<20) + `"]`)
	deep.View.Data = json.RawMessage(strings.Repeat("[", 200) + strings.Repeat("]", 200))
	for _, beyond := range []message.Receipt{large, deep} {
		for _, by := range []testKey{hubKey(), strangerKey()} {
			_, err := readerOf(false).read(sealedReceipt(t, by, beyond, anID, aTime))
			mustFail(t, err, "does not hold")
		}
	}
}

// What a listener writes reaches terminals: it must not steer them.
func TestReasonsAreMadePrintable(t *testing.T) {
	r := refusedWith(message.Denied)
	r.Reason = "no\x1b[31m\r\n\u009bred\u202e é漢"
	a, err := readerOf(false).read(bareReceipt(t, r, anID))
	if want := "no [31m   red  é漢"; err != nil || a.receipt.Reason != want {
		t.Errorf("reason %q, %v", a.receipt.Reason, err)
	}
}

func TestARefusalWithoutReasonSaysWhatItMeans(t *testing.T) {
	for _, code := range message.Codes {
		a := answer{receipt: message.Receipt{Status: message.Refused, Code: code}}
		if a.refusal() != string(code) && a.refusal() != string(code)+": "+unspoken[code] {
			t.Errorf("%s: %s", code, a.refusal())
		}
		a.receipt.Reason = "because"
		if a.refusal() != string(code)+": because" {
			t.Errorf("%s: %s", code, a.refusal())
		}
	}
	for code := range unspoken {
		if !bytes.Contains([]byte(strings.Join(codeNames(), " ")), []byte(code)) {
			t.Errorf("%s is no code", code)
		}
	}
}

func codeNames() []string {
	var names []string
	for _, code := range message.Codes {
		names = append(names, string(code))
	}
	return names
}

// Whatever comes from the network: no crash, and never delivered without proof
// where a proof is required.
func FuzzAnswer(f *testing.F) {
	session, err := message.NewSessionKey(hubKey().pair, aTime, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	bare, _ := stored.Container(anID).Encode()
	sealed, _ := session.Seal(bare, message.Header{Iat: aTime.Unix(), Exp: aTime.Unix() + 60})
	for _, seed := range [][]byte{sealed, bare, tampered(sealed, 0), tampered(sealed, 2), []byte("eyJhIjoxfQ.e30.AA"), []byte(`[{}]`), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if a, err := readerOf(true).read(frame); err == nil && !bytes.Equal(frame, sealed) {
			t.Errorf("%q counts: %+v", frame, a)
		}
		a, err := readerOf(false).read(frame)
		if err == nil && a.receipt.Status == "" {
			t.Errorf("%q: %+v", frame, a)
		}
	})
}
