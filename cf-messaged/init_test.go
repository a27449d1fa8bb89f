package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/zmq"
)

// tree is every file below a folder: mode, time, bytes.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		var data []byte
		if !d.IsDir() {
			data, err = os.ReadFile(path)
			must(t, err)
		}
		files[path] = strings.Join([]string{info.Mode().String(), info.ModTime().String(), string(data)}, "\n")
		return nil
	}))
	return files
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Mode().Perm()
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// init makes what is missing, and the second time nothing.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	config, state := filepath.Join(dir, "etc", "c.yaml"), filepath.Join(dir, "var", `sta"te`)
	args := []string{"init", "--config", config, "--state", state, "--keys", "/some/keys"}
	out, err := cli(args...)
	must(t, err)
	if !strings.Contains(out, "written  configuration "+config) || !strings.Contains(out, "made     state folder "+state) {
		t.Errorf("says:\n%s", out)
	}
	for path, want := range map[string]fs.FileMode{
		state: 0o700, filepath.Join(state, "curve.key"): 0o600, filepath.Join(state, "curve.pub"): 0o644, config: 0o644,
	} {
		if got := mode(t, path); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	c, err := loadConfig(flags{config: config})
	must(t, err)
	if c.State != state || c.Keys != "/some/keys" || len(c.Feeds) != 1 {
		t.Errorf("the configuration written: %+v", c)
	}
	checkCurve(t, state)

	before := tree(t, dir)
	out, err = cli(args...)
	must(t, err)
	if strings.Contains(out, "written") || strings.Count(out, "kept") != 3 {
		t.Errorf("says, the second time:\n%s", out)
	}
	for path, was := range before {
		if is := tree(t, dir)[path]; is != was {
			t.Errorf("%s has changed:\n%s\n%s", path, was, is)
		}
	}
	if len(tree(t, dir)) != len(before) {
		t.Error("something came or went")
	}
}

// checkCurve wants a pair that belongs together.
func checkCurve(t *testing.T, state string) {
	t.Helper()
	secret, public := read(t, filepath.Join(state, "curve.key")), read(t, filepath.Join(state, "curve.pub"))
	want, err := zmq.CurvePublic(strings.TrimSuffix(secret, "\n"))
	if err != nil || public != want+"\n" {
		t.Errorf("curve.pub is %q, want %q, %v", public, want, err)
	}
}

// A pair of which a half is missing, or another's, is whole again, with the
// secret that it had. A secret that is none is for people to look at.
func TestInitCurve(t *testing.T) {
	s := newSite(t, loopback...)
	s.mustCLI("init")
	secretFile, publicFile := filepath.Join(s.state, "curve.key"), filepath.Join(s.state, "curve.pub")
	secret := read(t, secretFile)
	for name, spoil := range map[string]func() error{
		"missing":     func() error { return os.Remove(publicFile) },
		"another's":   func() error { return os.WriteFile(publicFile, []byte(strings.Repeat("a", 40)), 0o644) },
		"without end": func() error { return os.WriteFile(secretFile, []byte(strings.TrimSpace(secret)), 0o600) },
	} {
		must(t, spoil())
		s.mustCLI("init")
		if strings.TrimSpace(read(t, secretFile)) != strings.TrimSpace(secret) {
			t.Errorf("%s: another secret", name)
		}
	}
	checkCurve(t, s.state)
	must(t, os.WriteFile(secretFile, []byte("no key"), 0o600))
	_, err := s.cli("init")
	wantError(t, err, secretFile, "40 characters", "move it away")
	if read(t, secretFile) != "no key" {
		t.Error("it was overwritten")
	}
}

// What init prints, writes and runs by is one text.
func TestInitPrint(t *testing.T) {
	out, err := cli("init", "--print", "--config", "/nonexistent/c.yaml")
	must(t, err)
	if out != string(defaultConfig) {
		t.Error("it prints something else than is embedded")
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	must(t, initConfig(flags{config: file}, new(bytes.Buffer)))
	if read(t, file) != out {
		t.Error("it writes something else than it prints")
	}
}

// Errors say what could not be made.
func TestInitFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := cli("init", "--config", filepath.Join(file, "c.yaml"))
	wantError(t, err, "configuration", file)
	s := newSite(t, loopback...)
	_, err = s.cli("init", "--state", file)
	wantError(t, err, "state folder", file)
	s.write("feedz: {}")
	_, err = s.cli("init")
	wantUsage(t, err, "feedz")
}
