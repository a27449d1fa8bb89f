package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

func encryptedTo(t *testing.T, to testKey, envelope []byte) []byte {
	t.Helper()
	frame, err := message.Encrypt(envelope, to.pair.Public())
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// listenEncrypted is a hub that takes only what is encrypted to it, and answers
// encrypted to the node.
func listenEncrypted(t *testing.T, m *messages, r message.Receipt) (endpoint string, opened chan message.Opened) {
	t.Helper()
	opened = make(chan message.Opened, 100)
	opener := message.Opener{Self: hubKey().pair.Digest(), Pair: hubKey().pair, Now: m.now,
		Keys: func(hostkey.Digest) (*hostkey.PublicKey, bool) { return nodeKey().pair.Public(), true }}
	return listen(t, func(frame []byte) []byte {
		o, err := opener.Open(frame)
		if err != nil || !o.Encrypted || strings.Contains(string(frame), "uqhost") {
			t.Errorf("the hub got %q: %v", frame, err)
		}
		opened <- o
		return encryptedTo(t, nodeKey(), sealedReceipt(t, hubKey(), r, o.Container.MessageID, m.now()))
	}), opened
}

// What encrypt_to names opens the message, and is the only one for whom it is;
// its encrypted receipt, with the view in it, is read as any other.
func TestAMessageIsEncrypted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hub.pub")
	mustWrite(t, file, hubKey().public)
	digest := string(hubKey().pair.Digest())
	for what, attributes := range map[string]map[string]string{
		"to a file":                 {"encrypt_to": quoted(file)},
		"to a digest":               {"encrypt_to": quoted(digest)},
		"and the listener is named": {"encrypt_to": quoted(digest), "to": `{"key":"` + file + `"}`},
	} {
		t.Run(what, func(t *testing.T) {
			m := newNode(t)
			trustHub(t, m)
			endpoint, opened := listenEncrypted(t, m, answerWithView().receipt)
			if to := attributes["to"]; to != "" {
				attributes["to"] = strings.Replace(to, "{", `{"endpoints":"`+endpoint+`",`, 1)
			} else {
				attributes["to"] = quoted(endpoint)
			}
			h := evaluate(t, m, aPromise(attributes))
			if h.result != "repaired" || !h.has("info", "stored") {
				t.Fatal(h)
			}
			if o := <-opened; o.Header.Aud != digest || string(o.Container.Content) != someContent || o.Header.Seq != 1 {
				t.Errorf("the hub opened %+v", o)
			}
			if view := mustRead(t, filepath.Join(m.work.state(), "views", "host.json")); !strings.Contains(view, "web") {
				t.Errorf("the view is %s", view)
			}
		})
	}
}

// What waits in the outbox is encrypted when it travels, in this run or the
// next, with the key as it is then.
func TestWhatWaitsIsEncryptedWhenItTravels(t *testing.T) {
	m := newNode(t)
	trustHub(t, m)
	p := anAsync("tcp://127.0.0.1:1")
	p.Attributes["encrypt_to"] = []byte(quoted(string(hubKey().pair.Digest())))
	m.Evaluate(t.Context(), p)
	m.Terminate(t.Context())
	files := outboxFiles(t, m)
	if len(files) != 1 {
		t.Fatal("it must wait")
	}
	endpoint, opened := listenEncrypted(t, m, stored)
	redirect(t, files[0], endpoint)
	next := nextRun(t, m)
	next.takeUpBacklog(usualSettings)
	if logs := next.Terminate(t.Context()); len(opened) != 1 || len(outboxFiles(t, m)) != 0 {
		t.Errorf("%d were opened, %+v", len(opened), logs)
	}
}

// A promise that cannot be encrypted is not sent at all.
func TestWhatCannotBeEncryptedIsNotSent(t *testing.T) {
	for _, c := range []struct {
		attributes map[string]string
		says       string
	}{
		{map[string]string{"encrypt_to": `"/nowhere/hub.pub"`}, "encrypt_to: the listener's key /nowhere/hub.pub is not there"},
		{map[string]string{"encrypt_to": quoted(string(strangerKey().pair.Digest()))}, "bootstrap to the hub"},
		{map[string]string{"encrypt_to": quoted(string(hubKey().pair.Digest())), "sign": `"false"`}, `"encrypt_to" does not go with "sign" false`},
		{map[string]string{"encrypt_to": quoted(string(hubKey().pair.Digest())), "to": "key"}, "which could not open it"},
	} {
		m := newNode(t)
		trustHub(t, m)
		endpoint, asked := storing(t)
		to := quoted(endpoint)
		if c.attributes["to"] == "key" {
			to = `{"endpoints":"` + endpoint + `","key":"` + string(nodeKey().pair.Digest()) + `"}`
		}
		c.attributes["to"] = to
		for _, pattern := range []string{patternRequest, patternAsync} {
			c.attributes["pattern"] = quoted(pattern)
			if h := evaluate(t, m, aPromise(c.attributes)); h.result != "not_kept" || !h.has("error", c.says) {
				t.Errorf("expected an error that says %q: %s", c.says, h)
			}
		}
		if asked.Load() != 0 || len(outboxFiles(t, m)) != 0 {
			t.Errorf("%s: sent %d times", c.says, asked.Load())
		}
	}
}

// An answer that is encrypted proves what is in it, no more and no less.
func TestAnEncryptedAnswer(t *testing.T) {
	good := sealedReceipt(t, hubKey(), stored, anID, aTime)
	for _, required := range []bool{true, false} {
		r := readerOf(required)
		if a, err := r.read(encryptedTo(t, nodeKey(), good)); err != nil || a.listener != hubKey().pair.Digest() || a.receipt.Status != message.Stored {
			t.Errorf("%+v, %v", a, err)
		}
		for says, frame := range map[string][]byte{
			"not so that this host can open it": encryptedTo(t, strangerKey(), good),
			"for message another":               encryptedTo(t, nodeKey(), sealedReceipt(t, hubKey(), stored, "another", aTime)),
			"bad_signature":                     encryptedTo(t, nodeKey(), tampered(good, 2)),
		} {
			_, err := r.read(frame)
			mustFail(t, err, says)
		}
	}
	_, err := readerOf(true).read(encryptedTo(t, nodeKey(), bareReceipt(t, stored, anID)))
	mustFail(t, err, "not signed")
	r := readerOf(false)
	r.sent = encryptedTo(t, hubKey(), good)
	if a, err := r.read(r.sent); err != nil || !a.plain {
		t.Errorf("an echo: %+v, %v", a, err)
	}
	if a, err := r.read([]byte("1.2.3.4.5")); err != nil || !a.plain {
		t.Errorf("a text with dots: %+v, %v", a, err)
	}
}
