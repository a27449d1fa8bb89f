package zmq

import (
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	long := "/" + strings.Repeat("p", 106)
	tests := []struct {
		text  string
		ok    bool   // for one who connects
		bind  bool   // for one who binds
		again string // what String gives, "" for the same text
	}{
		{"tcp://hub.example.com:5309", true, true, ""},
		{"tcp://hub_1:1", true, true, ""},
		{"tcp://hub.example.com.:5309", true, true, ""},
		{"tcp://192.0.2.1:65535", true, true, ""},
		{"tcp://[::1]:5309", true, true, ""},
		{"tcp://[fe80::1%eth0]:5309", true, true, ""},
		{"ipc:///run/cf.sock", true, true, ""},
		{"ipc://m.sock", true, true, ""},
		{"ipc://@abstract", true, true, ""},
		{"ipc://" + long, true, true, ""},

		{"tcp://*:5309", false, true, ""},
		{"tcp://127.0.0.1:0", false, true, ""},
		{"tcp://*:*", false, true, "tcp://*:0"},

		{"", false, false, ""},
		{"hub:5309", false, false, ""},
		{"udp://hub:5309", false, false, ""},
		{"TCP://hub:5309", false, false, ""},
		{"tcp://", false, false, ""},
		{"tcp://hub", false, false, ""},
		{"tcp://:5309", false, false, ""},
		{"tcp://hub:", false, false, ""},
		{"tcp://hub:65536", false, false, ""},
		{"tcp://hub:99999", false, false, ""},
		{"tcp://hub:-1", false, false, ""},
		{"tcp://hub:+1", false, false, ""},
		{"tcp://hub:05309", false, false, ""},
		{"tcp://hub:5309/", false, false, ""},
		{"tcp://hub:5309 ", false, false, ""},
		{"tcp://a;b:5309", false, false, ""},
		{"tcp://192.0.2.1;hub:5309", false, false, ""},
		{"tcp://[::1:5309", false, false, ""},
		{"tcp://::1:5309", false, false, ""},
		{"tcp://[127.0.0.1]:5309", false, false, ""},
		{"tcp://[hub]:5309", false, false, ""},
		{"tcp://[*]:5309", false, false, ""},
		{"tcp://999.0.0.1:5309", false, false, ""},
		{"tcp://1.2.3:5309", false, false, ""},
		{"tcp://-hub:5309", false, false, ""},
		{"tcp://hub..x:5309", false, false, ""},
		{"tcp://h\u00fcb:5309", false, false, ""},
		{"ipc://", false, false, ""},
		{"ipc://*", false, false, ""},
		{"ipc://@", false, false, ""},
		{"ipc://a\x00b", false, false, ""},
		{"ipc://" + long + "p", false, false, ""},
	}
	for _, test := range tests {
		e, err := ParseEndpoint(test.text)
		b, bindErr := ParseBind(test.text)
		if (err == nil) != test.ok || (bindErr == nil) != test.bind {
			t.Errorf("%q: to connect %v, to bind %v", test.text, err, bindErr)
			continue
		}
		want := test.text
		if test.again != "" {
			want = test.again
		}
		if test.ok && e.String() != want || test.bind && b.String() != want {
			t.Errorf("%q became %q and %q", test.text, e, b)
		}
		if err != nil && !strings.Contains(err.Error(), "tcp://HOST:PORT") {
			t.Errorf("%q: the error shows no way out: %v", test.text, err)
		}
	}
}

func FuzzParseBind(f *testing.F) {
	for _, s := range []string{"tcp://hub:1", "tcp://[::1]:*", "ipc:///x", "tcp://*:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseBind(text)
		if err != nil {
			return
		}
		if again, err := ParseBind(e.String()); err != nil || again != e {
			t.Errorf("%q gives %+v, written %q, read back %+v, %v", text, e, e, again, err)
		}
	})
}
