package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/promise"
	"github.com/webhuis/cfengine-messages/schemas"
	"github.com/webhuis/cfengine-messages/zmq"
)

// TestMain lets the test binary be the module itself, or another process that
// counts, so that tests have real processes without building any.
func TestMain(m *testing.M) {
	switch os.Getenv("MESSAGES_TEST_AS") {
	case "module":
		main()
		os.Exit(0)
	case "counter":
		os.Exit(countForTest(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// someContent fits schema host.
const someContent = `{"uqhost":"www1"}`

// testKey is a key pair, in PEM as cf-key writes it. Keys of 1024 bits are
// enough for tests, and quick.
type testKey struct {
	private, public []byte
	pair            *hostkey.Pair
}

func makeKey() testKey {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	t := testKey{private: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})}
	if t.pair, err = hostkey.ParsePrivate(t.private); err != nil {
		panic(err)
	}
	t.public = t.pair.Public().PEM()
	return t
}

// The hosts of these tests. A stranger's key is known to nobody.
var (
	nodeKey     = sync.OnceValue(makeKey)
	hubKey      = sync.OnceValue(makeKey)
	strangerKey = sync.OnceValue(makeKey)
)

// newNode is a module whose work directory is a temporary one with the node's
// own key in it, and the time stands still.
func newNode(t testing.TB) *messages {
	t.Helper()
	work := workDir(t.TempDir())
	mustWrite(t, filepath.Join(work.keys(), "localhost.priv"), nodeKey().private)
	mustWrite(t, filepath.Join(work.keys(), "localhost.pub"), nodeKey().public)
	mustWrite(t, filepath.Join(string(work), defaultsFile), []byte(`{"timeout":60}`)) // of a machine that has much else to do
	now := time.Now()
	m := &messages{
		work:         work,
		defaultsFile: filepath.Join(string(work), defaultsFile),
		schemas:      sync.OnceValues(func() (*schemas.Registry, error) { return schemas.NewRegistry() }),
		client:       zmq.NewClient(zmq.ClientOptions{}),
		now:          func() time.Time { return now },
		flights:      newFlights(),
		sequence:     newSequence(work.state()),
		epochs:       newEpochs(work.state()),
	}
	t.Cleanup(func() { m.land() })
	return m
}

func mustWrite(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// aPromise is the promise "host" with attributes as raw JSON; content and to
// are there unless given, or given as "" to be left out.
func aPromise(attributes map[string]string) promise.Promise {
	p := promise.Promise{Type: "messages", Promiser: "host", File: "policy.cf", Line: 7,
		Attributes: map[string]json.RawMessage{
			"content": json.RawMessage(someContent),
			"to":      json.RawMessage(`"tcp://127.0.0.1:5309"`),
		}}
	for name, raw := range attributes {
		if p.Attributes[name] = json.RawMessage(raw); raw == "" {
			delete(p.Attributes, name)
		}
	}
	return p
}

// quoted is a string attribute, as the agent sends it.
func quoted(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func mustJob(t testing.TB, m *messages, attributes map[string]string) job {
	t.Helper()
	j, err := m.newJob(aPromise(attributes))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// filesBelow are the files below a folder, by their path in it.
func filesBelow(t testing.TB, folder string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && path != folder {
			rel, _ := filepath.Rel(folder, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}

// mustFail checks that an error is there and says each of the words.
func mustFail(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, expected one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}
