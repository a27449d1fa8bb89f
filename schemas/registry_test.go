package schemas

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// site lays out a folder; the path is beneath it, "{}" a schema that fits its place.
func site(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if text == "{}" {
			text = fitting(filepath.Base(filepath.Dir(name)), strings.TrimSuffix(filepath.Base(name), ".json"))
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func fitting(id, version string) string {
	return fmt.Sprintf(`{"$schema":%q,"$id":"urn:cfengine-messages:schema:%s:%s","x-kind":"state","x-entity":"sender","type":"array"}`, draft, id, version)
}

func registry(t *testing.T, folders ...string) *Registry {
	t.Helper()
	r, err := NewRegistry(folders...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSiteAddsItsOwn(t *testing.T) {
	folder := site(t, map[string]string{"disks/1.0.json": "{}", "disks/1.9.json": "{}", "disks/1.10.json": "{}", "disks/README.md": "read me", "disks/1.0.json.cf-before-edit": "x", "disks/.1.0.json": "x", "README.md": "x", ".git/x": "x"})
	r := registry(t, folder)
	s, err := r.Find("disks", "")
	if err != nil || s.Version != "1.10" || s.Kind != State || s.File != filepath.Join(folder, "disks/1.10.json") {
		t.Fatalf("the newest of disks: %+v, %v", s, err)
	}
	if s, err := r.Find("disks", "1.9"); err != nil || s.Version != "1.9" || s.Validate([]byte("[]")) != nil {
		t.Errorf("%v, %v", s, err)
	}
	all, err := r.All()
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.ID+" "+s.Version)
	}
	if got := strings.Join(names, ","); !strings.HasPrefix(got, "curve_key 1.0,disks 1.0,disks 1.9,disks 1.10,") || !strings.Contains(got, "host 1.0") {
		t.Error(got)
	}
}

func TestSiteMayAddAVersionOfABuiltIn(t *testing.T) {
	s, err := registry(t, site(t, map[string]string{"host/1.1.json": "{}"})).Find("host", "")
	if err != nil || s.Version != "1.1" {
		t.Errorf("%v, %v", s, err)
	}
}

// TestTwoVersionsSideBySide: nodes that know host 1.1 and nodes that do not
// send to one listener.
func TestTwoVersionsSideBySide(t *testing.T) {
	one := find(t, "host", "1.0")
	two := strings.NewReplacer("schema:host:1.0", "schema:host:1.1", `"site": {
      "desc`, `"rack": {"description": "Where it stands.", "type": "string"},
    "site": {
      "desc`).Replace(string(one.Document))
	r := registry(t, site(t, map[string]string{"host/1.1.json": two}))
	for _, test := range []struct {
		version, found, content string
		valid                   bool
	}{
		{"", "1.1", `{"uqhost":"a","rack":"b4"}`, true},
		{"1.1", "1.1", `{"uqhost":"a"}`, true},
		{"1.0", "1.0", `{"uqhost":"a"}`, true},
		{"1.0", "1.0", `{"uqhost":"a","rack":"b4"}`, false},
	} {
		s, err := r.Find("host", test.version)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate([]byte(test.content)); s.Version != test.found || (err == nil) != test.valid {
			t.Errorf("version %q: found %s; %s: %v", test.version, s.Version, test.content, err)
		}
	}
	differences, err := Compatible(one.Document, []byte(two))
	if err != nil || len(differences) != 1 || differences[0].Way != Forward || differences[0].Pointer != "/properties/rack" {
		t.Errorf("%v, %v", differences, err)
	}
}

func TestPublishedVersionsNeverChange(t *testing.T) {
	same := site(t, map[string]string{"host/1.0.json": string(find(t, "host", "1.0").Document)})
	if s, err := registry(t, same).Find("host", "1.0"); err != nil || !strings.HasPrefix(s.File, "built-in:") {
		t.Errorf("byte for byte the same: %v", err)
	}
	r := registry(t, site(t, map[string]string{"host/1.0.json": "{}", "host/1.1.json": "{}"}))
	for _, version := range []string{"", "1.0", "1.1"} {
		_, err := r.Find("host", version)
		if err == nil || !strings.Contains(err.Error(), "host/1.0.json differs from built-in:host/1.0.json: a published version never changes") {
			t.Errorf("version %q: %v", version, err)
		}
	}
	all, err := r.All()
	if err == nil || !strings.Contains(err.Error(), "never changes") || len(all) != len(shipped(t))-1 {
		t.Errorf("All: %d schemas, %v", len(all), err)
	}
	if _, err := r.Find("receipt", ""); err != nil {
		t.Errorf("another schema suffers: %v", err)
	}
}

func TestUnknownSaysWhatThereIs(t *testing.T) {
	r := registry(t, site(t, map[string]string{"disks/1.0.json": "{}", "disks/2.0.json": "{}"}))
	for _, test := range []struct{ id, version, want string }{
		{"disk", "", `no schema "disk"; there are curve_key, disks, dns, domain, host, `},
		{"disks", "3.0", `no version "3.0" of schema "disks"; there are 1.0, 2.0`},
		{"disks", "1.00", `no version "1.00" of schema "disks"; there are 1.0, 2.0`},
		{"../" + filepath.Base(t.TempDir()), "1.0", `no schema "../`},
		{"disks", "../disks/1.0", `no version "../disks/1.0" of schema "disks"`},
		{"", "", `no schema ""; `},
	} {
		_, err := r.Find(test.id, test.version)
		var unknown *Unknown
		if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("Find(%q, %q): %v, want %s…", test.id, test.version, err, test.want)
		}
	}
	many := &Unknown{ID: "x", Known: strings.Fields(strings.Repeat("a ", 30))}
	if !strings.HasSuffix(many.Error(), "a and 10 more") {
		t.Error(many)
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	folder, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	if _, err := NewRegistry(gone); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), gone) {
		t.Errorf("got %v", err)
	}
	if got := IfThere(gone, folder); len(got) != 1 || got[0] != folder {
		t.Errorf("got %q", got)
	}
	if _, err := NewRegistry(IfThere(gone)...); err != nil {
		t.Error(err)
	}
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRegistry(file); err == nil {
		t.Error("a file passed for a folder")
	}
}

// TestOneBadFileSpoilsNoOther: it is reported by All, and by Find where asked for.
func TestOneBadFileSpoilsNoOther(t *testing.T) {
	folder := site(t, map[string]string{
		"disks/1.0.json": "{}", "disks/v2.json": "{}", "disks/01.0.json": "{}", "Disks/1.0.json": "{}",
		"torn/1.0.json": `{"`, "big/1.0.json": strings.Repeat(" ", maxDocument+1), "moved/1.0.json": fitting("other", "1.0"),
	})
	if err := os.Mkdir(filepath.Join(folder, "pipe"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe/1.0.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := registry(t, folder)
	if _, err := r.Find("disks", ""); err != nil {
		t.Error(err)
	}
	all, err := r.All()
	if len(all) != 1+len(shipped(t)) {
		t.Errorf("%d schemas", len(all))
	}
	for _, want := range []string{
		"Disks: passed over: a schema's folder is named by its id", "disks/v2.json: passed over", "disks/01.0.json: passed over",
		"torn/1.0.json: line 1: not JSON", "big/1.0.json: larger than 256 KiB", "pipe/1.0.json: not a regular file",
		`moved/1.0.json: /$id: expected "urn:cfengine-messages:schema:moved:1.0"`,
	} {
		if !strings.Contains(text(err), filepath.Join(folder, want)) {
			t.Errorf("%q is not told:\n%v", want, err)
		}
	}
	for _, id := range []string{"torn", "big", "pipe", "moved"} {
		var unknown *Unknown
		if _, err := r.Find(id, ""); err == nil || errors.As(err, &unknown) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestTwoFoldersAndLinks(t *testing.T) {
	one := site(t, map[string]string{"disks/1.0.json": "{}"})
	two := site(t, map[string]string{"disks/1.1.json": "{}"})
	if err := os.Symlink(filepath.Join(two, "disks"), filepath.Join(one, "linked")); err != nil {
		t.Fatal(err)
	}
	r := registry(t, one, two)
	if s, err := r.Find("disks", ""); err != nil || s.Version != "1.1" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := r.Find("linked", "1.1"); err == nil || !strings.Contains(err.Error(), "/$id") {
		t.Errorf("a linked folder is not followed: %v", err)
	}
}

func TestAFolderIsBounded(t *testing.T) {
	folder := t.TempDir()
	for i := range maxIDs + 1 {
		if err := os.Mkdir(filepath.Join(folder, fmt.Sprintf("s%d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewRegistry(folder); err == nil || !strings.Contains(err.Error(), "more than 1024") {
		t.Errorf("got %v", err)
	}
}
