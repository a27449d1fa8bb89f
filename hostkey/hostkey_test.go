package hostkey_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// names are the keys in testdata, its README says what they are.
var names = []string{"rsa1024", "rsa2041", "rsa2047", "rsa2048", "rsa2048e3", "old35", "rsa2049", "rsa3072", "rsa4096", "rsa8192"}

func mustRead(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func mustWrite(tb testing.TB, path string, data []byte) {
	tb.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func mustPair(tb testing.TB, name string) *hostkey.Pair {
	tb.Helper()
	p, err := hostkey.ParsePrivate(mustRead(tb, "testdata/"+name+".priv"))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return p
}

// run runs one of CFEngine's or OpenSSL's programs in a work directory of its
// own and returns what it said. The test is skipped where it is missing.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// wantError checks that err is one and says each of the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// ppkeys returns a new folder with the mode that cf-key insists on.
func ppkeys(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ppkeys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
