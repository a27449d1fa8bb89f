package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
)

func publication(t *testing.T, name, data string) string {
	t.Helper()
	p := message.Publication{View: message.View{Name: name, Data: []byte(data)}, For: hostkey.Digest("SHA=" + strings.Repeat("0", 64)), MadeAt: time.Unix(1_800_000_000, 0)}
	b, err := p.Container().Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A published view lies where policy reads it, in the same safe JSON as that of a
// receipt; the last good one stays.
func TestViewWrite(t *testing.T) {
	work := workDir(t.TempDir())
	file := filepath.Join(work.state(), "views", "host_context.json")
	write := func(stdin string) (string, error) {
		var out bytes.Buffer
		err := viewByHand([]string{"write"}, strings.NewReader(stdin), &out, work)
		return out.String(), err
	}
	out, err := write(publication(t, "host_context", `{"a":"$(sys.workdir)","b":1e9}`))
	if err != nil || !strings.Contains(out, file) || !strings.Contains(out, "2027-01-15T08:00:00Z") {
		t.Fatalf("%q, %v", out, err)
	}
	want := `{"a":"$ (sys.workdir)","b":"1e9"}` + "\n"
	same := func() {
		t.Helper()
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
	same()
	if out, err := write(publication(t, "host_context", `{"a":"$(sys.workdir)","b":1e9}`)); out != "" || err != nil {
		t.Errorf("the same again: %q, %v", out, err)
	}
	good := publication(t, "host_context", `{"c":1}`)
	for name, stdin := range map[string]string{
		"empty":          "",
		"cut off":        good[:len(good)-1],
		"a path":         strings.Replace(good, `"name":"host_context"`, `"name":"../host_context"`, 1),
		"another schema": strings.Replace(good, `{"view":`, `{"host":`, 1),
		"no data":        strings.Replace(good, `{"c":1}`, `"text"`, 1),
		"too large":      publication(t, "host_context", `{"c":"`+strings.Repeat("x", maxView+64<<10)+`"}`),
	} {
		if out, err := write(stdin); err == nil || out != "" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	same()
	entries, err := os.ReadDir(work.state())
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, args := range [][]string{nil, {"read"}, {"write", "more"}} {
		if err := viewByHand(args, strings.NewReader(good), os.Stdout, work); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
