package main

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestTheWorkDirectory(t *testing.T) {
	for _, c := range []struct{ override, executable, want string }{
		{"/override", "/var/cfengine/modules/promises/messages", "/override"},
		{"", "/var/cfengine/modules/promises/messages", "/var/cfengine"},
		{"", "/var/lib/cfengine3/modules/promises/messages", "/var/lib/cfengine3"},
		{"", "/var/cfengine/modules/promises/messages (deleted)", "/var/cfengine"},
		{"", "/opt/modules/promises/cf/modules/promises/messages", "/opt/modules/promises/cf"},
	} {
		if got := findWorkDir(c.override, c.executable); string(got) != c.want {
			t.Errorf("%q and %q give %s, not %s", c.override, c.executable, got, c.want)
		}
	}
	for _, elsewhere := range []string{"", "/usr/local/bin/messages", "/modules/promises/messages"} {
		if got := findWorkDir("", elsewhere); !slices.Contains(usualWorkDirs, string(got)) {
			t.Errorf("%q gives %s", elsewhere, got)
		}
	}
	work := workDir("/var/cfengine")
	if work.keys() != "/var/cfengine/ppkeys" || work.state() != "/var/cfengine/state/messages" {
		t.Errorf("%s and %s", work.keys(), work.state())
	}
	if !filepath.IsAbs(executable()) {
		t.Errorf("this program is %q", executable())
	}
}
