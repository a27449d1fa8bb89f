package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each finding of check, and whether it makes the check fail.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *site)
		word  string   // of the line
		says  []string // in that line
	}{
		"all well":          {func(*testing.T, *site) {}, "ok", []string{"own key"}},
		"private key":       {func(t *testing.T, s *site) { must(t, os.Chmod(filepath.Join(s.keys, "localhost.priv"), 0o640)) }, "FAULT", []string{"mode of", "localhost.priv", "chmod 600"}},
		"no key":            {func(t *testing.T, s *site) { must(t, os.Remove(filepath.Join(s.keys, "localhost.priv"))) }, "FAULT", []string{"own key", "cf-key"}},
		"no keys at all":    {func(t *testing.T, s *site) { must(t, os.RemoveAll(s.keys)) }, "FAULT", []string{"trusted keys", "no such file"}},
		"key that is none":  {func(t *testing.T, s *site) { s.put(s.keys+"/x.pub", "nonsense") }, "warning", []string{"trusted keys", "x.pub"}},
		"key that is open":  {func(t *testing.T, s *site) { must(t, os.Chmod(filepath.Join(s.keys, "localhost.pub"), 0o666)) }, "warning", []string{"localhost.pub", "chmod o-w"}},
		"no state":          {func(t *testing.T, s *site) { must(t, os.RemoveAll(s.state)) }, "warning", []string{"state folder", "cf-messaged init"}},
		"state is open":     {func(t *testing.T, s *site) { must(t, os.Chmod(s.state, 0o750)) }, "FAULT", []string{"state folder", "mode 0750", "chmod 0700 "}},
		"state is a file":   {func(t *testing.T, s *site) { must(t, os.RemoveAll(s.state)); s.put(s.state, "") }, "FAULT", []string{"state folder", "not a folder"}},
		"CURVE key is open": {func(t *testing.T, s *site) { must(t, os.Chmod(s.state+"/curve.key", 0o644)) }, "FAULT", []string{"mode of", "curve.key", "chmod 600"}},
		"open bind": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309']}]", loopback[2], loopback[3])
		}, "FAULT", []string{"bind tcp://*:5309", "curve: any", "curve: off"}},
		"open bind that is meant": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309'], curve: off}]", loopback[2], loopback[3])
		}, "warning", []string{"bind tcp://*:5309", "firewall"}},
		"open bind by CURVE": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309'], curve: any}]", loopback[2], loopback[3])
		}, "ok", []string{"bind tcp://*:5309, CURVE for any"}},
		"open bind of a forward": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: push, bind: ['tcp://*:5558']}}]}")...)
		}, "FAULT", []string{"bind tcp://*:5558"}},
		"forward over the network": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: push, to: ['tcp://192.0.2.1:5311']}}]}")...)
		}, "warning", []string{"forward to tcp://192.0.2.1:5311", "server_key"}},
		"forward by request to whoever is trusted": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: request, to: ['tcp://192.0.2.1:5309']}}]}")...)
		}, "warning", []string{"forward to tcp://192.0.2.1:5309", "acknowledge", " as key"}},
		"forward by request to a named one": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: request, to: ['tcp://127.0.0.1:5309'], key: "+s.keys+"/localhost.pub}}]}")...)
		}, "ok", []string{"forward to tcp://127.0.0.1:5309"}},
		"forward to a key not there": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: request, to: ['tcp://127.0.0.1:5309'], key: /nonexistent}}]}")...)
		}, "FAULT", []string{"forward request to", "key: ", "/nonexistent"}},
		"forward by CURVE": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{forward: {pattern: push, to: ['tcp://192.0.2.1:5311'], server_key: "+s.state+"/curve.pub}}]}")...)
		}, "ok", []string{"forward to tcp://192.0.2.1:5311"}},
		"metrics for all":       {func(t *testing.T, s *site) { s.write(append(loopback, "metrics: 0.0.0.0:5314")...) }, "warning", []string{"metrics 0.0.0.0:5314", "bind 127.0.0.1"}},
		"metrics":               {func(t *testing.T, s *site) { s.write(append(loopback, "metrics: 127.0.0.1:5314")...) }, "ok", []string{"metrics 127.0.0.1:5314"}},
		"configuration is open": {func(t *testing.T, s *site) { must(t, os.Chmod(s.config, 0o666)) }, "FAULT", []string{"mode of", "cf-messaged.yaml", "chmod o-w"}},
		"schemas are open": {func(t *testing.T, s *site) {
			s.write(append(loopback, "schemas: "+s.dir+"/schemas")...)
			must(t, os.Mkdir(s.dir+"/schemas", 0o700))
			must(t, os.Chmod(s.dir+"/schemas", 0o777))
		}, "FAULT", []string{"mode of", "/schemas", "chmod o-w"}},
		"program is open": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  receipt: {from: trusted, handlers: [{exec: ["+s.dir+"/on-host]}]}")...)
			s.put(s.dir+"/on-host", "#!/bin/sh")
			must(t, os.Chmod(s.dir+"/on-host", 0o777))
		}, "FAULT", []string{"mode of", "/on-host", "chmod o-w"}},
		"open bind of views": {func(t *testing.T, s *site) { s.write(append(loopback, "publish: tcp://*:5313")...) }, "FAULT", []string{"bind tcp://*:5313"}},
		"views published by CURVE": {func(t *testing.T, s *site) {
			s.write(append(loopback, "publish: {bind: 'tcp://*:5313', curve: any}")...)
		}, "ok", []string{"bind tcp://*:5313, CURVE for any"}},
		"CURVE without a key": {func(t *testing.T, s *site) {
			must(t, os.Remove(s.state+"/curve.key"))
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309'], curve: any}]", loopback[2], loopback[3])
		}, "FAULT", []string{"curve.key", "cf-messaged init"}},
		"CURVE key that is none": {func(t *testing.T, s *site) {
			s.put(s.state+"/curve.key", "nonsense")
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309'], curve: any}]", loopback[2], loopback[3])
		}, "FAULT", []string{"curve.key", "40 characters", "move it away"}},
		"libzmq of the distribution": {func(t *testing.T, _ *site) {
			patched = ""
			t.Cleanup(func() { patched = "as if" })
		}, "warning", []string{"libzmq", "build/programs"}},
		"nowhere to enrol": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://*:5309'], curve: enrolled}]", loopback[2], loopback[3], "  curve_key: {from: trusted}")
		}, "warning", []string{"curve: enrolled", "only: [curve_key]"}},
		"server_key not there": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: push, connect: ['tcp://127.0.0.1:1'], server_key: /nonexistent}]", loopback[2], loopback[3])
		}, "FAULT", []string{"server_key /nonexistent", "no such file"}},
		"named bind": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://hub.example.com:5309']}]", loopback[2], loopback[3])
		}, "FAULT", []string{"bind tcp://hub.example.com:5309"}},
		"local binds": {func(t *testing.T, s *site) {
			s.write("listeners: [{pattern: request, bind: ['tcp://[::1]:5309', 'tcp://localhost:1', 'ipc:///x']}]", loopback[2], loopback[3])
		}, "ok", []string{"bind ipc:///x"}},
		"no feeds":   {func(t *testing.T, s *site) { s.write(loopback[:2]...) }, "warning", []string{"feeds: none", "every message is refused"}},
		"empty feed": {func(t *testing.T, s *site) { s.write(append(loopback, "  receipt: {from: []}")...) }, "warning", []string{"feeds.receipt", "nobody may send it"}},
		"hosts that let themselves in": {func(t *testing.T, s *site) {
			s.put(s.dir+"/views/admins.yaml", "for: trusted\ncontainers: {all: {sql: SELECT sender AS digest FROM Host}}\n")
			s.write(append(loopback, "  domain: {from: {view: admins}}", "views: "+s.dir+"/views")...)
		}, "warning", []string{"feeds.domain.from: view admins", "reads host", "let itself in"}},
		"hosts that let themselves in by what changes": {func(t *testing.T, s *site) {
			s.put(s.dir+"/views/admins.yaml", "for: trusted\npublish_on: [host]\ncontainers: {all: {sql: SELECT 'x' AS digest}}\n")
			s.write(append(loopback, "  domain: {from: [self, {view: admins}]}", "views: "+s.dir+"/views")...)
		}, "warning", []string{"feeds.domain.from: view admins", "reads host"}},
		"hosts that site data lets in": {func(t *testing.T, s *site) {
			s.put(s.dir+"/views/admins.yaml", "for: trusted\npublish_on: [role]\ncontainers: {all: {sql: SELECT entity AS digest FROM role}}\n")
			s.write(append(loopback, "  role: {from: self}", "  domain: {from: {view: admins}}", "views: "+s.dir+"/views")...)
		}, "ok", []string{"views"}},
		"curve_key that is not kept": {func(t *testing.T, s *site) {
			s.write(append(loopback, "  curve_key: {from: trusted, keep: 90d}")...)
		}, "warning", []string{"feeds.curve_key.keep", "leave keep out"}},
		"feed of no schema": {func(t *testing.T, s *site) { s.write(append(loopback, "  nosuch: {from: trusted}")...) }, "FAULT",
			[]string{"schemas", "feeds.nosuch", "host"}},
		"view of senders not there": {func(t *testing.T, s *site) { s.write(append(loopback, "  domain: {from: {view: nosuch}}")...) }, "FAULT",
			[]string{"views", "feeds.domain.from", "nosuch"}},
		"schemas not there": {func(t *testing.T, s *site) { s.write(append(loopback, "schemas: /nonexistent")...) }, "FAULT", []string{"schemas", "/nonexistent"}},
		"schema broken": {func(t *testing.T, s *site) {
			s.write(append(loopback, "schemas: "+s.dir+"/schemas")...)
			s.put(s.dir+"/schemas/rack/1.0.json", `{"type": "objekt"}`)
		}, "FAULT", []string{"schemas", "rack/1.0.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, loopback...)
			s.mustCLI("init")
			c.spoil(t, s)
			out, err := s.cli("check")
			if !hasLine(out, append(c.says, c.word)...) {
				t.Errorf("no line with %q and %q:\n%s", c.word, c.says, out)
			}
			if fails := c.word == "FAULT"; fails != (err != nil) {
				t.Errorf("error %v", err)
			}
			if err != nil && (isUsage(err) || !strings.Contains(err.Error(), "found wrong")) {
				t.Errorf("error %v", err)
			}
			if faults := strings.Contains(out, "FAULT"); faults != (err != nil) {
				t.Errorf("error %v:\n%s", err, out)
			}
			if c.word == "ok" && strings.Contains(out, "warning") {
				t.Errorf("warnings:\n%s", out)
			}
			checkFindings(t, s, out)
		})
	}
}

// checkFindings wants the same from --json, an object a line.
func checkFindings(t *testing.T, s *site, text string) {
	t.Helper()
	out, _ := s.cli("check", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, line := range lines {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.What == "" || f.Warn && f.Fault == "" {
			t.Errorf("line %d is %q, %v", i, line, err)
		}
		if !strings.Contains(text, f.What) {
			t.Errorf("only in JSON: %s", line)
		}
	}
}

func (s *site) put(file, text string) {
	s.t.Helper()
	must(s.t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
}

func hasLine(text string, words ...string) bool {
	for line := range strings.Lines(text) {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return true
		}
	}
	return false
}

// check changes nothing.
func TestCheckChangesNothing(t *testing.T) {
	s := newSite(t, loopback...)
	s.mustCLI("init")
	before := tree(t, s.dir)
	s.mustCLI("check")
	for path, was := range before {
		if tree(t, s.dir)[path] != was {
			t.Errorf("%s has changed", path)
		}
	}
}
