package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/promise"
)

// Values of the attributes pattern and repeat.
const (
	patternRequest = "request"
	patternAsync   = "async_request"
	patternPublish = "publish"
	patternPush    = "push"
	patternPair    = "pair"
	repeatChanged  = "changed"
	repeatAlways   = "always"
)

// Bounds of numeric attributes.
const (
	maxTimeout = 60      // seconds: no promise takes longer
	maxRetries = 100     // the 60 s end them long before
	maxMinutes = 5256000 // ten years
	maxHours   = 31 * 24 // an envelope lives 31 days at most
)

// attributes are a promise's attributes as written (DESIGN.md section 7).
// Empty means not given.
type attributes struct {
	content   json.RawMessage
	notJSON   error // why content, a text that begins like JSON, is taken as a string
	schemaID  string
	version   string
	messageID string
	pattern   string
	to        target
	serverKey string   // of to where that names none
	enrol     []string // the same
	timeout   time.Duration
	retries   int
	repeat    string
	refresh   time.Duration
	sign      bool
	encryptTo string // digest or file of the key that alone opens the message; empty: it travels in the clear
	replyFile string
	provide   bool          // the view as variables and classes of the next run
	topic     string        // publish
	split     bool          // push
	receipt   bool          // pair
	expires   time.Duration // how long an envelope holds, and may wait in the outbox
	priority  int           // in the outbox
	outbox    bool          // it may wait there
}

// tableDefaults are the defaults of the attribute table.
func tableDefaults() attributes {
	return attributes{timeout: 5 * time.Second, retries: 2, refresh: 24 * time.Hour, sign: true, expires: 168 * time.Hour, priority: 2, outbox: true}
}

// known are the attributes that a promise may have.
var known = []string{"content", "schema", "version", "message_id", "pattern", "to", "timeout", "retries",
	"repeat", "refresh", "expires", "priority", "outbox", "sign", "encrypt_to", "server_key", "enrol", "reply_file", "provide", "topic", "split", "receipt"}

// set reads the attributes that p has into a, and tells every fault.
func (a *attributes) set(p promise.Promise) error {
	r := reading{p: p}
	r.content(a)
	r.text("schema", &a.schemaID)
	r.text("version", &a.version)
	r.text("message_id", &a.messageID)
	r.option("pattern", &a.pattern, patternRequest, patternAsync, patternPublish, patternPush, patternPair)
	r.duration("timeout", &a.timeout, time.Second, 1, maxTimeout)
	r.target(&a.to, &a.timeout)
	r.serverKey(&a.serverKey)
	r.enrol(&a.enrol)
	r.number("retries", &a.retries, 0, maxRetries)
	r.option("repeat", &a.repeat, repeatChanged, repeatAlways)
	r.duration("refresh", &a.refresh, time.Minute, 0, maxMinutes)
	r.bool("sign", &a.sign)
	r.key("encrypt_to", &a.encryptTo)
	r.path("reply_file", &a.replyFile)
	r.bool("provide", &a.provide)
	r.text("topic", &a.topic)
	r.bool("split", &a.split)
	r.bool("receipt", &a.receipt)
	r.duration("expires", &a.expires, time.Hour, 1, maxHours)
	r.number("priority", &a.priority, 0, 4)
	r.bool("outbox", &a.outbox)
	r.fault(promise.UnknownAttributes(r.p, known...))
	return r.err()
}

// content takes a container or a list as it is, a string that is a JSON
// object or array as that, any other string as a JSON string.
func (r *reading) content(a *attributes) {
	if !r.given("content") {
		return
	}
	raw := r.p.Attributes["content"]
	a.content, a.notJSON = raw, nil
	if len(raw) == 0 || raw[0] != '"' {
		return
	}
	text, err := r.p.Text("content", "")
	r.fault(err)
	text = strings.TrimSpace(text)
	switch {
	case !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "["):
	case json.Valid([]byte(text)):
		a.content = json.RawMessage(text)
	default:
		a.notJSON = message.CheckJSON([]byte(text), message.DefaultLimits)
	}
}
