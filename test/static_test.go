package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestModuleNeedsOnlyLibc looks at the module as it is built for nodes:
// masterfiles ship it to hosts that have no libzmq.
func TestModuleNeedsOnlyLibc(t *testing.T) {
	dir := os.Getenv("MESSAGES_BIN")
	if dir == "" {
		t.Skip("MESSAGES_BIN names no built programs: ./test/run does")
	}
	module := filepath.Join(dir, "messages")
	startsLightly(t, module)
	out, err := exec.Command("ldd", module).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "not a dynamic executable") {
		t.Fatalf("ldd: %v\n%s", err, out)
	}
	needs := regexp.MustCompile(`\S+\.so\S*`)
	libc := regexp.MustCompile(`^(libc\.so\.6|linux-vdso\.so\.1|.*/ld-linux\S*|.*/libc\.so\.6)$`)
	for _, library := range needs.FindAllString(string(out), -1) {
		if !libc.MatchString(library) {
			t.Errorf("the module needs %s, which a node need not have", library)
		}
	}
	version, err := exec.Command(module, "--version").Output()
	if err != nil || !regexp.MustCompile(`libzmq \d+\.\d+\.\d+`).Match(version) {
		t.Errorf("--version: %v, %q does not tell the libzmq that is linked", err, version)
	}
}

// startsLightly: no package that is linked does work at the start which most
// runs have no use for (build/jsonschema.patch). Bytes are counted, for time
// is the machine's.
func startsLightly(t *testing.T, module string) {
	const enough = 50_000
	command := exec.Command(module, "--version")
	command.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := command.CombinedOutput()
	inits := regexp.MustCompile(`init (\S+) @.*, (\d+) bytes`).FindAllStringSubmatch(string(trace), -1)
	if err != nil || len(inits) == 0 {
		t.Fatalf("%v: no trace in %q", err, trace)
	}
	for _, init := range inits {
		if bytes, _ := strconv.Atoi(init[2]); bytes > enough {
			t.Errorf("package %s takes %d bytes at each start; %d are enough", init[1], bytes, enough)
		}
	}
}
