package message

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/schemas"
)

func TestPublication(t *testing.T) {
	p := Publication{View: View{Name: "host_context", Data: []byte(`{ "a" : 1.0 }`)}, For: node().pair.Digest(), MadeAt: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	if want := "host_context." + string(node().pair.Digest()); p.Topic() != want {
		t.Errorf("topic %s, want %s", p.Topic(), want)
	}
	c, err := Decode(encoded(t, p.Container()), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"host_context","for":"` + string(node().pair.Digest()) + `","data":{ "a" : 1.0 },"made_at":"2026-11-20T12:00:00Z"}`
	if string(c.Content) != want {
		t.Errorf("content %s", c.Content)
	}
	registry, err := schemas.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := registry.Find(c.Schema, c.Version)
	if err == nil {
		err = schema.Validate(c.Content)
	}
	if err != nil {
		t.Error(err)
	}
	got, err := ParsePublication(c)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("parsed %+v, %v", got, err)
	}
	if other := p.Container(); other.MessageID == c.MessageID {
		t.Error("two publications of one id")
	}
	for was, is := range map[string]string{
		`"host_context"`:         `"../../etc/passwd"`,
		`"name":`:                `"nama":`,
		`"SHA=`:                  `"MD5=`,
		`{ "a" : 1.0 }`:          `"text"`,
		`"2026-11-20T12:00:00Z"`: `"noon"`,
		`,"made_at"`:             `,"site":{},"made_at"`,
	} {
		c := c
		c.Content = []byte(strings.Replace(want, was, is, 1))
		if _, err := ParsePublication(c); (err == nil) != (is == `,"site":{},"made_at"`) {
			t.Errorf("%s: %v", is, err)
		}
	}
	c.Schema = ReceiptSchema
	if _, err := ParsePublication(c); err == nil {
		t.Error("a receipt is taken for a view")
	}
}
