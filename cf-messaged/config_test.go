package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

const digest = "SHA=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Every key, right and wrong: want is what the error must say, nothing where
// the configuration holds.
func TestConfig(t *testing.T) {
	const sockets = "listeners: [{pattern: request, bind: [tcp://127.0.0.1:5309]}]\n"
	for _, c := range []struct {
		text string
		want string
	}{
		{sockets, ""},
		{"state: /x\nkeys: /y\nschemas: /z\n" + sockets, ""},
		{"state: relative\n" + sockets, ""},
		{"state:\n" + sockets, ""},
		{"state: [a]\n" + sockets, "[1:8]"},
		{"state: {a: b}\n" + sockets, "[1:8]"},
		{"keys: [a]\n" + sockets, "[1:7]"},
		{"schemas: [a]\n" + sockets, "[1:10]"},

		{"listeners: [{pattern: request, bind: ['tcp://*:5309', 'tcp://[::1]:5309', 'ipc:///run/x']}]\n", ""},
		{"listeners:\n  - pattern: request\n    bind: [tcp://127.0.0.1:5309]\n  - pattern: request\n    bind: [tcp://127.0.0.1:5310]\n", ""},
		{"feeds: {}\n", "listeners: none; name at least one"},
		{"listeners: []\n", "listeners: none"},
		{"listeners:\n", "listeners: none"},
		{"listeners: {pattern: request}\n", "[1:12] mapping was used where sequence is expected"},
		{"listeners: !x\n  a: 1\n", "the YAML cannot be read"},
		{"listeners: [request]\n", "[1:13] string was used where mapping is expected"},
		{"listeners: [{pattern: request}]\n", "listeners[0]: name at least one endpoint"},
		{"listeners: [{bind: [tcp://127.0.0.1:1]}]\n", `listeners[0].pattern: expected request, publish, push or pair, found ""`},
		{"listeners: [{pattern: gossip, bind: [tcp://127.0.0.1:1]}]\n", `listeners[0].pattern: expected request, publish, push or pair, found "gossip"`},
		{"listeners: [{pattern: push, connect: [tcp://127.0.0.1:0]}]\n", "listeners[0].connect[0]"},
		{"listeners: [{pattern: push, connect: [tcp://127.0.0.1:1], subscribe: [x]}]\n", "listeners[0].subscribe: goes with publish, not with push"},
		{"listeners: [{pattern: publish, connect: [tcp://127.0.0.1:1], bind: [ipc:///x], subscribe: [x]}]\n", ""},
		{sockets + "feeds: {host: {handlers: [{file: /x}, {exec: [/bin/true, a], timeout: 5s, tries: 3}, {forward: {pattern: push, to: [tcp://127.0.0.1:1]}}]}}\n", ""},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: publish, bind: [tcp://127.0.0.1:0], topic: x}}]}}\n", ""},
		{sockets + "feeds: {network: {}, host: {reply: host_context, wants: {network: 24h}}}\n", ""},
		{sockets + "feeds: {network: {}, host: {wants: {network: 7d}}}\n", ""},
		{sockets + "feeds: {network: {}, host: {wants: {network: soon}}}\n", `feeds.host.wants.network: expected an age such as 24h or 7d, or 0s for any, found "soon"`},
		{sockets + "feeds: {network: {}, host: {wants: {network: -1h}}}\n", "feeds.host.wants.network: expected an age"},
		{sockets + "feeds: {host: {wants: {network: 24h}}}\n", "feeds.host.wants: network has no feed"},
		{sockets + "feeds: {host: {keep: 90d}, network: {keep: 36h}}\n", ""},
		{sockets + "feeds: {host: {keep: 90}}\n", `feeds.host.keep: expected an age such as 90d or 36h, found "90"; leave it out`},
		{sockets + "feeds: {host: {keep: 0s}}\n", "feeds.host.keep: expected an age"},
		{sockets + "feeds: {host: {keep: -1d}}\n", "feeds.host.keep: expected an age"},
		{sockets + "feeds: {host: {handlers: [{}]}}\n", "feeds.host.handlers[0]: expected exactly one of file, exec and forward"},
		{sockets + "feeds: {host: {handlers: [{file: /x, exec: [/bin/true]}]}}\n", "feeds.host.handlers[0]: expected exactly one of"},
		{sockets + "feeds: {host: {handlers: [{file: /x}, {file: /x}]}}\n", "feeds.host.handlers[1]: the same as one before it"},
		{sockets + "feeds: {host: {handlers: [{file: /x, tries: -1}]}}\n", "feeds.host.handlers[0].tries: expected 1 to 1000"},
		{sockets + "feeds: {host: {handlers: [{file: /x, timeout: 5s}]}}\n", "feeds.host.handlers[0].timeout: expected 1s to 1h beside exec"},
		{sockets + "feeds: {host: {handlers: [{exec: [/bin/true], timeout: 5}]}}\n", "feeds.host.handlers[0].timeout"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: gossip, to: [tcp://127.0.0.1:1]}}]}}\n", `feeds.host.handlers[0].forward.pattern: expected request, publish, push or pair, found "gossip"`},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push}}]}}\n", "feeds.host.handlers[0].forward: expected either to or bind"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: request, bind: [tcp://127.0.0.1:1]}}]}}\n", "forward.bind: goes with push and publish, not with request"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, topic: x, to: [tcp://127.0.0.1:1]}}]}}\n", "forward.topic: goes with publish, not with push"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, to: [tcp://127.0.0.1]}}]}}\n", "forward.to[0]"},
		{"listeners: [{pattern: request, bind: tcp://127.0.0.1:1}]\n", "string was used where sequence is expected"},
		{"listeners: [{pattern: request, bind: [tcp://127.0.0.1:1, http://x]}]\n", `listeners[0].bind[1]: endpoint "http://x": unknown transport`},
		{"listeners: [{pattern: request, bind: [tcp://127.0.0.1]}]\n", "listeners[0].bind[0]"},
		{"listeners: [{pattern: request, bnd: []}]\n", `[1:32] unknown field "bnd"`},

		{sockets + "feeds: {host: {from: trusted}}\n", ""},
		{sockets + "feeds: {host: {from: [" + digest + "]}}\n", ""},
		{sockets + "feeds: {host: {from: []}}\n", ""},
		{sockets + "feeds: {host: {unsigned: true}}\n", ""},
		{sockets + "feeds: {host: }\n", ""},
		{sockets + "feeds:\n", ""},
		{sockets + "feeds: [host]\n", "[2:8] sequence was used where mapping is expected"},
		{sockets + "feeds: {host: trusted}\n", "[2:15] string was used where mapping is expected"},
		{sockets + "feeds: {host: {from: anybody}}\n", "feeds.host.from: expected the word trusted or a list of key digests, as [SHA=…], self or {view: NAME}, found anybody"},
		{sockets + "feeds: {host: {from: " + digest + "}}\n", ""},
		{sockets + "feeds: {host: {from: {a: b}}}\n", "feeds.host.from: expected"},
		{sockets + "feeds: {host: {from: 7}}\n", "feeds.host.from: expected"},
		{sockets + "feeds: {host: {from: [trusted]}}\n", "feeds.host.from[0]: "},
		{sockets + "feeds: {host: {from: self}}\n", ""},
		{sockets + "feeds: {host: {from: {view: names}}}\n", ""},
		{sockets + "feeds: {host: {from: [self, " + digest + ", {view: names}]}}\n", ""},
		{sockets + "feeds: {host: {from: {view: names, as: x}}}\n", "feeds.host.from: expected"},
		{sockets + "feeds: {host: {from: [{view: 7}]}}\n", "feeds.host.from[0]: expected a view that yields key digests as {view: NAME}"},
		{sockets + "feeds: {host: {from: [" + digest + ", 7]}}\n", "feeds.host.from[1]: "},
		{sockets + "feeds: {host: {from: [[]]}}\n", "feeds.host.from[0]: "},
		{sockets + "feeds: {host: {from: [MD5=0123456789abcdef0123456789abcdef]}}\n", "feeds.host.from[0]: "},
		{sockets + "feeds: {host: {unsigned: 'true'}}\n", "[2:26] cannot unmarshal string"},
		{sockets + "feeds: {host: {unsigned: yes}}\n", "[2:26] cannot unmarshal string"},
		{sockets + "feeds:\n  host:\n    form: trusted\n", `[4:5] unknown field "form"`},

		{sockets + "limits: {message: 1048576}\n", ""},
		{sockets + "publish: tcp://127.0.0.1:5313\n", ""},
		{sockets + "metrics: 127.0.0.1:5314\n", ""},
		{sockets + "metrics: '[::1]:5314'\n", ""},
		{sockets + "metrics: 5314\n", `metrics: expected an address and a port, as 127.0.0.1:5314 or [::1]:5314, found "5314"`},
		{sockets + "metrics: localhost:5314\n", "metrics: expected"},
		{sockets + "metrics: 127.0.0.1:70000\n", "metrics: expected"},
		{sockets + "metrics: tcp://127.0.0.1:5314\n", "metrics: expected"},
		{sockets + "publish: tcp://hub\n", `publish: endpoint "tcp://hub"`},
		{sockets + "publish: {bind: 'tcp://127.0.0.1:5313', curve: any}\n", ""},
		{sockets + "publish: {bind: 'tcp://127.0.0.1:5313', curve: yes}\n", `publish.curve: expected off, any or enrolled, found "yes"`},
		{sockets + "publish: {curve: any}\n", "publish: endpoint"},
		{sockets + "publish: {bind: 'tcp://127.0.0.1:5313', crv: any}\n", `unknown field "crv"`},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: off}]\n", ""},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: any, only: [host]}]\n", ""},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: on}]\n", `listeners[0].curve: expected off, any or enrolled, found "on"`},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: enrolled}]\n", "add curve_key: {from: trusted}"},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: enrolled, relays: [" + digest + "]}]\nfeeds: {curve_key: {from: trusted}}\n", ""},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: enrolled, relays: [x]}]\nfeeds: {curve_key: {from: trusted}}\n", "listeners[0].relays[0]"},
		{"listeners: [{pattern: request, bind: ['tcp://127.0.0.1:1'], curve: any, relays: [" + digest + "]}]\n", "listeners[0].relays: goes with curve: enrolled"},
		{"listeners: [{pattern: push, connect: ['tcp://127.0.0.1:1'], curve: any}]\n", "listeners[0].curve: is for sockets that bind"},
		{"listeners: [{pattern: push, bind: ['tcp://127.0.0.1:1'], server_key: /x}]\n", "listeners[0].server_key: is for sockets that connect"},
		{"listeners: [{pattern: push, connect: ['tcp://127.0.0.1:1'], server_key: x}]\n", "listeners[0].server_key: expected the path"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, to: ['tcp://127.0.0.1:1'], curve: any}}]}}\n", "forward.curve: is for sockets that bind"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, to: ['tcp://127.0.0.1:1'], enrol: ['tcp://127.0.0.1:2']}}]}}\n", "forward.enrol: goes with server_key"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, to: ['tcp://127.0.0.1:1'], server_key: /x, enrol: ['tcp://a']}}]}}\n", "forward.enrol[0]"},
		{sockets + "feeds: {host: {handlers: [{forward: {pattern: push, bind: ['tcp://127.0.0.1:1'], curve: enrolled}}]}}\n", "add curve_key: {from: trusted}"},
		{sockets + "publish: [tcp://127.0.0.1:5313]\n", "[2:10]"},
		{sockets + "limits: {message: 512KiB}\n", ""},
		{sockets + "limits: {message: 64 MiB, depth: 1000}\n", ""},
		{sockets + "limits: {message: 1KiB, depth: 4}\n", ""},
		{sockets + "limits:\n", ""},
		{sockets + "limits: {message: 1023}\n", `limits.message: expected a size from 1KiB to 64MiB, such as 1MiB, 512KiB or 1048576, found "1023"`},
		{sockets + "limits: {message: 65MiB}\n", "limits.message"},
		{sockets + "limits: {message: 67108865}\n", "limits.message"},
		{sockets + "limits: {message: 9223372036854775807KiB}\n", "limits.message"},
		{sockets + "limits: {message: 0}\n", "limits.message"},
		{sockets + "limits: {message: -1MiB}\n", "limits.message"},
		{sockets + "limits: {message: 1.5MiB}\n", "limits.message"},
		{sockets + "limits: {message: 1MB}\n", "limits.message"},
		{sockets + "limits: {message: MiB}\n", "limits.message"},
		{sockets + "limits: {message: [1]}\n", "[2:19]"},
		{sockets + "limits: {depth: 3}\n", `limits.depth: expected 4 to 1000, found "3"`},
		{sockets + "limits: {depth: 0}\n", "limits.depth"},
		{sockets + "limits: {depth: 1001}\n", "limits.depth"},
		{sockets + "limits: {depth: 32.5}\n", "limits.depth"},
		{sockets + "limits: {depth: deep}\n", "limits.depth"},
		{sockets + "limits: {clock_skew: 90s}\n", ""},
		{sockets + "limits: {clock_skew: 1h}\n", ""},
		{sockets + "limits: {clock_skew: 61m}\n", `limits.clock_skew: expected 1s to 1h, such as 5m, found "61m"`},
		{sockets + "limits: {clock_skew: 0s}\n", "limits.clock_skew"},
		{sockets + "limits: {clock_skew: -5m}\n", "limits.clock_skew"},
		{sockets + "limits: {clock_skew: 5}\n", "limits.clock_skew"},
		{sockets + "limits: {per_sender: 100/s, per_address: 1/s, disk_free: 2 GiB}\n", ""},
		{sockets + "limits: {per_sender: off, per_address: off, disk_free: off}\n", ""},
		{sockets + "limits: {per_sender: 1000000/s, disk_free: 1MiB}\n", ""},
		{sockets + "limits: {per_sender: 100}\n", `limits.per_sender: expected messages a second from 1/s to 1000000/s, such as 100/s, or off, found "100"`},
		{sockets + "limits: {per_sender: 0/s}\n", "limits.per_sender"},
		{sockets + "limits: {per_sender: 1000001/s}\n", "limits.per_sender"},
		{sockets + "limits: {per_sender: -1/s}\n", "limits.per_sender"},
		{sockets + "limits: {per_address: many}\n", "limits.per_address"},
		{sockets + "limits: {per_address: false}\n", "limits.per_address"},
		{sockets + "limits: {disk_free: 1023KiB}\n", `limits.disk_free: expected a size from 1MiB on, such as 64MiB or 1GiB, or off, found "1023KiB"`},
		{sockets + "limits: {disk_free: 9000000000GiB}\n", "limits.disk_free"},
		{sockets + "limits: {disk_free: 10%}\n", "limits.disk_free"},
		{sockets + "limits: {dead_letters: 36h}\n", ""},
		{sockets + "limits: {dead_letters: off}\n", `limits.dead_letters: expected an age such as 90d or 36h, found "off"`},
		{sockets + "limits: {dead_letters: 0s}\n", "limits.dead_letters"},
		{sockets + "limits: 1MiB\n", "[2:9] string was used where mapping is expected"},
		{sockets + "limits: {size: 1MiB}\n", `[2:10] unknown field "size"`},

		{sockets + "feedz: {}\n", `[2:1] unknown field "feedz"`},
		{"State: /x\n", `[1:1] unknown field "State"`},
		{"state: /x\nstate: /y\n", `[2:1] mapping key "state" already defined at [1:1]`},
		{"feeds:\n  host: {}\n  host: {}\n", `[3:3] mapping key "host" already defined at [2:3]`},
		{"state: /x\n---\nstate: /y\n", "one YAML document"},
		{"", "empty: cf-messaged init --print"},
		{"# nothing\n", "empty"},
		{"---\n", "empty"},
		{"\tstate: /x\n", "[1:6] tab character"},
		{"limits:\n\tdepth: 5\n", "[2:1] found character"},
		{"state: \"open\n", "[1:8] could not find end"},
		{"state: *nobody\n", "[1:9] could not find alias"},
		{"just text\n", "[1:1] string was used where mapping is expected"},
		{"- a\n", "[1:1] sequence was used where mapping is expected"},
		{"{}\n", "listeners: none"},
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		must(t, os.WriteFile(file, []byte(c.text), 0o600))
		_, err := loadConfig(flags{config: file})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s\nerror: %v", c.text, err)
		case c.want != "" && err == nil:
			t.Errorf("%s\nno error, want %q", c.text, c.want)
		case c.want != "" && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), file+": ")):
			t.Errorf("%s\nerror: %v\nwant:  %s: … %s", c.text, err, file, c.want)
		}
	}
}

// All that is wrong is told at once, except what keeps the file from being read.
func TestConfigFaultsTogether(t *testing.T) {
	s := newSite(t, "listeners: [{pattern: gossip, bind: [x]}]", "feeds: {host: {from: 1}, receipt: {from: [2]}}", "limits: {depth: 1}")
	_, err := s.cli("check")
	wantUsage(t, err, s.config, "listeners[0].pattern", "listeners[0].bind[0]", "feeds.host.from", "feeds.receipt.from[0]", "limits.depth")
}

func TestConfigNotThere(t *testing.T) {
	_, err := cli("check", "--config", "/nonexistent/c.yaml")
	wantUsage(t, err, "/nonexistent/c.yaml", "cf-messaged init")
	_, err = cli("check", "--config", t.TempDir())
	wantUsage(t, err, "is a directory")
}

// Flags stand over the file, the file over the defaults.
func TestFlagsOverFile(t *testing.T) {
	s := newSite(t, loopback...)
	c, err := loadConfig(flags{config: s.config})
	must(t, err)
	if c.State != s.state || c.Keys != s.keys || c.Listeners[0].Bind[0] != "tcp://127.0.0.1:0" || c.file != s.config {
		t.Errorf("of the file: %+v", c)
	}
	f := flags{config: s.config, state: "/s", keys: "/k", bind: []string{"tcp://127.0.0.1:1", "ipc:///x"}}
	c, err = loadConfig(f)
	must(t, err)
	if c.State != "/s" || c.Keys != "/k" || !reflect.DeepEqual(c.Listeners, []Socket{{Pattern: "request", Bind: f.bind}}) || !c.Feeds["host"].isTrusted() {
		t.Errorf("of the flags: %+v", c)
	}
	f.bind = []string{"tcp://nonsense"}
	_, err = loadConfig(f)
	wantError(t, err, "bind[0]")

	s.write(loopback[:2]...)
	c, err = loadConfig(flags{config: s.config})
	must(t, err)
	if limits, err := c.limits(); err != nil || limits.Size != 1<<20 || limits.Depth != 32 || len(c.Feeds) != 0 {
		t.Errorf("by default: %+v, %v", c, err)
	}
}

func (f Feed) isTrusted() bool {
	rule, err := f.rule(senders{})
	return err == nil && rule.Trusted
}

// The embedded configuration holds, is what it says, and says what the
// defaults are.
func TestEmbedded(t *testing.T) {
	c, err := parseConfig(defaultConfig)
	must(t, err)
	if c.name() != "embedded configuration" {
		t.Error(c.name())
	}
	written := c
	c.complete(flags{})
	must(t, c.check())
	if _, err := c.rules(senders{}); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(c.Listeners, []Socket{{Pattern: "request", Bind: []string{"tcp://127.0.0.1:5309"}}}) || !c.Feeds["host"].isTrusted() || len(c.Feeds) != 1 {
		t.Errorf("%+v", c)
	}
	var none Config
	none.complete(flags{})
	if written.State != none.State {
		t.Errorf("it says state %s, the default is %s", written.State, none.State)
	}
	said, err := c.limits()
	must(t, err)
	if byDefault, err := none.limits(); err != nil || said != byDefault {
		t.Errorf("it says %+v, the default is %+v, %v", said, byDefault, err)
	}
	if written.Limits.PerSender != none.Limits.PerSender || written.Limits.PerAddress != none.Limits.PerAddress || written.Limits.DeadLetters != none.Limits.DeadLetters || written.Limits.DiskFree != "" {
		t.Errorf("it says %+v, the defaults are %+v", written.Limits, none.Limits)
	}
}

func TestRules(t *testing.T) {
	s := newSite(t, "listeners: [{pattern: request, bind: [tcp://127.0.0.1:0]}]",
		"feeds: {host: {from: ["+digest+"], unsigned: true}, receipt: {from: trusted}}")
	c, err := loadConfig(flags{config: s.config})
	must(t, err)
	rules, err := c.rules(senders{})
	must(t, err)
	host, receipt := rules.Feeds["host"], rules.Feeds["receipt"]
	if host.Trusted || !host.Unsigned || !host.Senders[hostkey.Digest(digest)] || len(host.Senders) != 1 {
		t.Errorf("host: %+v", host)
	}
	if !receipt.Trusted || receipt.Unsigned || len(receipt.Senders) != 0 {
		t.Errorf("receipt: %+v", receipt)
	}
	if _, err := rules.Schemas.Find("host", ""); err != nil {
		t.Error(err)
	}
}

func TestRestart(t *testing.T) {
	s := newSite(t, loopback...)
	was, err := loadConfig(flags{config: s.config})
	must(t, err)
	for want, lines := range map[string][]string{
		"":               append([]string{"schemas: /x"}, strings.Replace(strings.Join(loopback, "\n"), "trusted", "[]", 1)),
		"listeners":      {"listeners: [{pattern: request, bind: [tcp://127.0.0.1:1]}]"},
		"limits":         append([]string{"limits: {depth: 33}"}, loopback...),
		"publish":        append([]string{"publish: tcp://127.0.0.1:5313"}, loopback...),
		"state keys":     append([]string{"# elsewhere"}, loopback...),
		"keys listeners": {"listeners: [{pattern: request, bind: [tcp://127.0.0.1:1]}]"},
	} {
		s.write(lines...)
		f := flags{config: s.config}
		for _, setting := range strings.Fields(want) {
			switch setting {
			case "state":
				f.state = "/elsewhere"
			case "keys":
				f.keys = "/elsewhere"
			}
		}
		next, err := loadConfig(f)
		must(t, err)
		if got := strings.Join(was.restart(next), " "); got != want {
			t.Errorf("%q want a restart, expected %q", got, want)
		}
	}
}

// Whatever a file holds, reading it gives an answer.
func FuzzConfig(f *testing.F) {
	f.Add(defaultConfig)
	f.Add([]byte("feeds: {host: {from: [SHA=x, 7, [], {}]}}\nlimits: {message: 1MiB}\n---\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		c.complete(flags{})
		if err := c.check(); err == nil && bytes.TrimSpace(data) == nil {
			t.Error("nothing is a configuration")
		}
	})
}
