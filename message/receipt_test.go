package message

import (
	"reflect"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/schemas"
)

func TestReceiptBytes(t *testing.T) {
	tests := []struct {
		name    string
		receipt Receipt
		want    string // the content
	}{
		{"stored", Receipt{Status: Stored}, `{"status":"stored"}`},
		{"duplicate", Receipt{Status: Duplicate}, `{"status":"duplicate"}`},
		{"the example of DESIGN.md section 6",
			Receipt{Status: Stored, Wants: []string{"network"}, View: &View{"host_context", []byte(`{}`)}},
			`{"status":"stored","wants":["network"],"view":{"name":"host_context","data":{}}}`},
		{"a view's very bytes",
			Receipt{Status: Stored, Wants: []string{"a", "b"}, View: &View{"v", []byte(`{ "a" : 1.0, "b":"<\u2028>" }`)}},
			`{"status":"stored","wants":["a","b"],"view":{"name":"v","data":{ "a" : 1.0, "b":"<\u2028>" }}}`},
		{"refused", Receipt{Status: Refused, Code: InvalidContent, Reason: `/uqhost: expected "string" <1>`},
			`{"status":"refused","code":"invalid_content","reason":"/uqhost: expected \"string\" <1>"}`},
		{"refused without a reason", Receipt{Status: Refused, Code: UnknownSender},
			`{"status":"refused","code":"unknown_sender"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.receipt.Container("m1")
			if c.Schema != "receipt" || c.Version != "1.0" || c.MessageID != "m1" || string(c.Content) != tt.want {
				t.Errorf("got %s %s %s %s, want %s", c.Schema, c.Version, c.MessageID, c.Content, tt.want)
			}
			again, err := Decode(encoded(t, c), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseReceipt(again)
			if err != nil || !reflect.DeepEqual(got, tt.receipt) {
				t.Errorf("parsed %+v, %v; want %+v", got, err, tt.receipt)
			}
		})
	}
}

func TestReceiptIsAlwaysSent(t *testing.T) {
	// Whatever the reason quotes and whatever id was found, there is an answer.
	for _, reason := range []string{"\xff", "a\x00b", "line\nend", strings.Repeat("é", 5000)} {
		c := Receipt{Status: Refused, Code: Malformed, Reason: reason}.Container("not/an id")
		if c.MessageID != NilID {
			t.Errorf("message id %s", c.MessageID)
		}
		if _, err := ParseReceipt(c); err != nil {
			t.Errorf("%q: %v", reason, err)
		}
		encoded(t, c)
	}
}

func TestReceiptOfBrokenView(t *testing.T) {
	c := Receipt{Status: Stored, View: &View{"v", []byte(`{"a":1,"a":2}`)}}.Container("m1")
	if _, err := c.Encode(); err == nil {
		t.Error("a view with a key twice was encoded")
	}
}

func TestParseReceiptRefuses(t *testing.T) {
	tests := []struct{ name, content, part string }{
		{"no object", `"stored"`, "an object"},
		{"no status", `{}`, "status"},
		{"an unknown status", `{"status":"lost"}`, "none of stored"},
		{"status null", `{"status":null}`, "a string"},
		{"an unknown member", `{"status":"stored","ok":true}`, `"/ok"`},
		{"a member by another case", `{"Status":"stored"}`, `"/Status"`},
		{"a code beside stored", `{"status":"stored","code":"busy"}`, "beside status"},
		{"a reason beside duplicate", `{"status":"duplicate","reason":"x"}`, "beside status"},
		{"refused without a code", `{"status":"refused"}`, "code"},
		{"an unknown code", `{"status":"refused","code":"bored"}`, "code"},
		{"wants no list", `{"status":"stored","wants":"a"}`, "an array"},
		{"wants null", `{"status":"stored","wants":null}`, "an array"},
		{"wants a path", `{"status":"stored","wants":["../a"]}`, "no schema id"},
		{"wants one twice", `{"status":"stored","wants":["a","b","a"]}`, "twice"},
		{"wants 257", `{"status":"stored","wants":["a"` + strings.Repeat(`,"a"`, 256) + `]}`, "the limit is 256"},
		{"wants a number", `{"status":"stored","wants":["a",1]}`, "a string"},
		{"a view that is null", `{"status":"stored","view":null}`, "an object"},
		{"a view without a name", `{"status":"stored","view":{"data":{}}}`, "view is named"},
		{"a view without data", `{"status":"stored","view":{"name":"v"}}`, "an object or an array"},
		{"a view that is a text", `{"status":"stored","view":{"name":"v","data":"x"}}`, "an object or an array"},
		{"a view named as a path", `{"status":"stored","view":{"name":"../../x","data":{}}}`, "view is named"},
		{"an epoch in 1.0", `{"status":"stored","epoch":"e1"}`, "version 1.1"},
		{"an epoch that is a path", `{"status":"stored","epoch":"../e"}`, "is none"},
		{"an empty epoch", `{"status":"stored","epoch":""}`, "epoch"},
		{"a view with more", `{"status":"stored","view":{"name":"v","data":{},"mode":1}}`, `"/view/mode"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseReceipt(Container{Schema: "receipt", MessageID: "m", Version: "1.0", Content: []byte(tt.content)})
			if err == nil || !strings.Contains(err.Error(), tt.part) {
				t.Errorf("got %v, want an error with %q", err, tt.part)
			}
		})
	}
	const site = `{"status":"stored","site":{"help":["anything"]}}`
	if _, err := ParseReceipt(Container{Schema: "receipt", Version: "1.0", Content: []byte(site)}); err != nil {
		t.Errorf("a site's addition: %v", err)
	}
	for _, c := range []Container{{Schema: "host", Version: "1.0"}, {Schema: "receipt", Version: "1.2"}} {
		c.Content = []byte(`{"status":"stored"}`)
		if _, err := ParseReceipt(c); err == nil || !strings.Contains(err.Error(), "expected receipt 1.0 or 1.1") {
			t.Errorf("%s %s: %v", c.Schema, c.Version, err)
		}
	}
}

func TestReceiptsMeetTheirSchema(t *testing.T) {
	// What is sent is checked by the schema that everybody else goes by.
	registry, err := schemas.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	receipts := []Receipt{
		{Status: Stored}, {Status: Duplicate, Wants: []string{"network", "dns"}},
		{Status: Stored, View: &View{"host_context", []byte(`[{}]`)}},
		{Status: Refused, Code: Malformed, Reason: strings.Repeat("a", 5000)},
	}
	for _, code := range Codes {
		receipts = append(receipts, Receipt{Status: Refused, Code: code})
	}
	for _, r := range append(receipts, Receipt{Status: Stored, Epoch: "e-1"}) {
		schema, err := registry.Find(ReceiptSchema, r.Container("m").Version)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(r.content()); err != nil {
			t.Errorf("%s: %v", r.content(), err)
		}
	}
}
