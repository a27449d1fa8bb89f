package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/webhuis/cfengine-messages/"

// mayImport are the packages of ours that each package may import (DESIGN.md
// section 12): programs → stages → message → schemas, hostkey; promise and
// zmq know nothing of ours. A package that is not listed is a new one, whose
// place is to be decided here.
var mayImport = map[string][]string{
	"promise":        {},
	"durable":        {},
	"zmq":            {},
	"hostkey":        {"durable"},
	"scan":           {},
	"plan":           {"scan"},
	"schemas":        {"plan"},
	"sqlite":         {"durable"},
	"queue":          {"durable", "sqlite"},
	"truth":          {"message", "schemas", "hostkey", "queue", "sqlite", "durable"},
	"view":           {"hostkey", "sqlite"},
	"publish":        {"view", "message", "hostkey", "sqlite"},
	"message":        {"scan", "schemas", "hostkey"},
	"listener":       {"message", "schemas", "hostkey", "queue"},
	"handler":        {"message", "queue", "durable"},
	"promise-module": {"promise", "message", "schemas", "hostkey", "zmq", "durable"},
	"cf-messaged":    {"publish", "listener", "handler", "view", "sqlite", "message", "schemas", "hostkey", "queue", "truth", "zmq"},
}

// outside are libraries that one package alone may import.
var outside = map[string]string{
	"github.com/pebbe/zmq4":                          "zmq",
	"github.com/mattn/go-sqlite3":                    "sqlite",
	"filippo.io/bigmod":                              "hostkey",
	"github.com/spf13/cobra":                         "cf-messaged",
	"github.com/prometheus/client_golang/prometheus": "cf-messaged",
	"github.com/fsnotify/fsnotify":                   "hostkey",
}

// TestImportsPointOneWay keeps the layout.
func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "../...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		if name == "test" || strings.HasPrefix(name, "test/") {
			continue
		}
		allowed, placed := mayImport[name]
		if !placed {
			t.Errorf("package %s has no place in the layout", name)
		}
		for _, imported := range words[1:] {
			checkImport(t, name, imported, allowed)
		}
	}
}

func checkImport(t *testing.T, name, imported string, allowed []string) {
	if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
		t.Errorf("%s imports %s, which it must not know", name, ours)
	}
	if only, ok := outside[imported]; ok && only != name {
		t.Errorf("%s imports %s, which belongs to %s", name, imported, only)
	}
}
