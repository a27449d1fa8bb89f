package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
	"github.com/webhuis/cfengine-messages/zmq"
)

// patience bounds whatever a test waits for.
const patience = time.Minute

// asProgram makes the test binary the program itself.
const asProgram = "CF_MESSAGED_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		signal.Ignore(syscall.SIGXFSZ) // for TestBrokenDisk: Go would end by it
		main()
	}
	patched = "as if" // for check
	os.Exit(m.Run())
}

// hostKey is the private key of the only host in these tests, made once.
var hostKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// site is a host with a listener's folders.
type site struct {
	t      testing.TB
	dir    string
	config string
	keys   string
	state  string
	pair   *hostkey.Pair
}

// newSite makes keys and writes a configuration of these lines, with state
// and keys before them.
func newSite(t testing.TB, lines ...string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, config: filepath.Join(dir, "cf-messaged.yaml"), keys: filepath.Join(dir, "ppkeys"), state: filepath.Join(dir, "state")}
	must(t, os.Mkdir(s.keys, 0o700))
	private := privatePEM(hostKey())
	must(t, os.WriteFile(filepath.Join(s.keys, "localhost.priv"), private, 0o600))
	var err error
	s.pair, err = hostkey.ParsePrivate(private)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.keys, "localhost.pub"), s.pair.Public().PEM(), 0o600))
	s.write(lines...)
	return s
}

func privatePEM(k *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}

// loopback is a configuration that works.
var loopback = []string{"listeners:", "  - {pattern: request, bind: [tcp://127.0.0.1:0]}", "feeds:", "  host: {from: trusted}"}

func (s *site) write(lines ...string) {
	s.t.Helper()
	text := fmt.Sprintf("state: %s\nkeys: %s\n%s\n", s.state, s.keys, strings.Join(lines, "\n"))
	must(s.t, os.WriteFile(s.config, []byte(text), 0o600))
}

// cli runs one command in this process.
func (s *site) cli(args ...string) (stdout string, err error) {
	s.t.Helper()
	return cli(append([]string{"--config", s.config}, args...)...)
}

func cli(args ...string) (string, error) {
	var out bytes.Buffer
	c := command()
	c.SetArgs(args)
	c.SetOut(&out)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.ExecuteContext(ctx)
	return out.String(), err
}

// mustCLI fails the test where the command fails.
func (s *site) mustCLI(args ...string) string {
	s.t.Helper()
	out, err := s.cli(args...)
	must(s.t, err)
	return out
}

// program is the same command as a process of its own.
func program(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// running is a listener in this process.
type running struct {
	*site
	log      *logged
	stop     context.CancelFunc
	ended    chan error
	endpoint string
	client   *zmq.Client
}

// listen starts a listener and waits until it is ready. The end of the test
// stops it, and fails where that is an error.
func (s *site) listen() *running {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{site: s, log: new(logged), stop: stop, ended: make(chan error, 1), client: zmq.NewClient(zmq.ClientOptions{})}
	go func() {
		r.ended <- run(ctx, flags{config: s.config}, slog.New(slog.NewJSONHandler(r.log, nil)))
	}()
	s.t.Cleanup(func() {
		r.client.Close()
		stop()
		must(s.t, r.wait())
	})
	r.log.await(s.t, `"ready"`)
	var ready struct{ Endpoints []string }
	must(s.t, json.Unmarshal([]byte(r.log.line(`"ready"`)), &ready))
	r.endpoint = ready.Endpoints[0]
	return r
}

// wait gives what the listener ended with; it may be called again.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(patience):
		r.t.Fatal("the listener does not end")
		return nil
	}
}

// send sends a container of schema host and gives the receipt.
func (r *running) send(id, content string) message.Receipt {
	r.t.Helper()
	return request(r.t, r.client, r.endpoint, r.seal(id, content))
}

func request(t testing.TB, client *zmq.Client, endpoint string, frame []byte) message.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := client.Request(ctx, endpoint, frame)
	must(t, err)
	payload, err := message.Payload(answer)
	must(t, err)
	c, err := message.Decode(payload, message.DefaultLimits)
	must(t, err)
	receipt, err := message.ParseReceipt(c)
	must(t, err)
	return receipt
}

func (s *site) seal(id, content string) []byte {
	s.t.Helper()
	now := time.Now()
	frame, err := message.Seal(hostContainer(id, content), message.Header{Iat: now.Unix(), Exp: now.Add(time.Hour).Unix()}, s.pair)
	must(s.t, err)
	return frame
}

func hostContainer(id, content string) []byte {
	return fmt.Appendf(nil, `{"host":{"message_id":"%s","content":%s,"version":"1.0"}}`, id, content)
}

// fill puts messages into the site's queue as a listener would have.
func (s *site) fill(messages ...queue.Message) {
	s.t.Helper()
	q, err := queue.Open(s.state, queue.Options{})
	must(s.t, err)
	for _, m := range messages {
		stored := make(chan queue.Stored, 1)
		must(s.t, q.Put(m, func(s queue.Stored) { stored <- s }))
		must(s.t, (<-stored).Err)
	}
	must(s.t, q.Close())
}

// bury does the same with dead letters.
func (s *site) bury(letters ...queue.DeadLetter) {
	s.t.Helper()
	q, err := queue.Open(s.state, queue.Options{})
	must(s.t, err)
	for _, d := range letters {
		must(s.t, q.Bury(d, nil))
	}
	must(s.t, q.Close())
}

// bare is a message that nobody signed, as queue.txt once held it.
func bare(id, schema string, frame string) queue.Message {
	return queue.Message{Pattern: "request", Peer: "192.0.2.7", Schema: schema, Version: "1.0", MessageID: id, Frame: []byte(frame)}
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wantUsage tells whether an error is one that ends with exit code 2.
func wantUsage(t testing.TB, err error, words ...string) {
	t.Helper()
	wantError(t, err, words...)
	if !isUsage(err) {
		t.Errorf("no usage error: %v", err)
	}
}

func isUsage(err error) bool {
	usage := usageError{}
	return errors.As(err, &usage)
}

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not say %q", err, w)
		}
	}
}

// await looks again and again, without a bound on how often but on how long.
func await(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
