package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// damages are what a disk, or a hand, may do to a file.
var damages = []struct {
	name string
	do   func([]byte) []byte
}{
	{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
	{"emptied", func([]byte) []byte { return nil }},
	{"a bit flipped at its beginning", func(b []byte) []byte { return flipped(b, 0) }},
	{"a bit flipped in its middle", func(b []byte) []byte { return flipped(b, len(b)/2) }},
}

func flipped(data []byte, at int) []byte {
	data = append([]byte(nil), data...)
	data[at] ^= 4
	return data
}

// stateFiles are the files of a node's state, and what the agent's run says when
// one is damaged: the error names the file and the way out, FILE, which is then
// taken. Where nothing hangs on a file, nothing is said.
var stateFiles = []struct {
	glob, says string
	wayOut     func(a *teller, file string) error
	keptAgain  bool // what the listener holds is sent once more
	stops      bool // nothing new is sent until then
}{
	{glob: "outbox/*", says: `error: Outbox: FILE is damaged \(.*\): look at it, and remove it by messages outbox purge `, wayOut: purge},
	{glob: "seq.json", says: `error: Message \S+ not delivered: count the message: FILE is damaged \(.*\): remove it`,
		wayOut: func(_ *teller, file string) error { return os.Remove(file) }, stops: true},
	{glob: "seq.now"},
	{glob: "outbox.json"},
	{glob: "delivered/*", keptAgain: true},
	{glob: "views/*"},
	{glob: "curve.key"}, // none of these messages needs it: TestOwnCurve of the module has its error
}

func purge(a *teller, file string) error {
	c := exec.Command(a.work+"/modules/promises/messages", "outbox", "purge", filepath.Base(file))
	c.Env = append(os.Environ(), "CFENGINE_TEST_OVERRIDE_WORKDIR="+a.work)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("messages outbox purge: %w: %s", err, out)
	}
	return nil
}

// TestDamagedState damages each file of a node's state in turn. The run says so
// where it matters, does all else, and loses nothing that was acknowledged or
// lies in another file.
func TestDamagedState(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	w := newWire(t, h.endpoints["request"])
	whole := newTeller(t, h, w.endpoint)
	layState(t, w, whole)
	for i, f := range stateFiles {
		found, err := filepath.Glob(filepath.Join(whole.state(), f.glob))
		if err != nil || len(found) == 0 {
			t.Fatalf("the state has no %s: %v", f.glob, err)
		}
		for j, d := range damages {
			t.Run(f.glob+", "+d.name, func(t *testing.T) {
				t.Parallel()
				a := newTeller(t, h, w.endpoint)
				if err := os.CopyFS(a.state(), os.DirFS(whole.state())); err != nil {
					t.Fatal(err)
				}
				file := strings.Replace(found[0], whole.work, a.work, 1)
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				mustWriteFile(t, file, string(d.do(data)))

				id := fmt.Sprintf("new-%d-%d", i, j)
				out := a.tell(t, tale{"held": nil, id: nil})
				if f.says == "" && strings.Contains(out, "error:") || !matches(out, strings.ReplaceAll(f.says, "FILE", file), id) {
					t.Errorf("it is to say %q:\n%s", f.says, out)
				}
				if sent := strings.Contains(out, "info: Message "+id+" sent to"); sent == f.stops {
					t.Errorf("what is new was sent: %t\n%s", sent, out)
				}
				if again := strings.Contains(out, "info: Message held sent"); again != f.keptAgain {
					t.Errorf("what the listener holds was sent again: %t\n%s", again, out)
				}
				if f.wayOut != nil {
					if err := f.wayOut(a, file); err != nil {
						t.Error(err)
					}
				}
				mended(t, h, a, id)
			})
		}
	}
}

// layState makes two runs, after which a node has each file that there may be:
// one message is held by the listener, two wait, and were tried in vain.
func layState(t *testing.T, w *wire, a *teller) {
	t.Helper()
	a.tell(t, tale{"held": nil})
	mustWriteFile(t, makeFolderOf(t, a.state()+"/views/host.json"), `{"host":[{"uqhost":"x2gvdt0001"}]}`)
	mustWriteFile(t, a.state()+"/curve.key", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs\n")
	always(fromNode, cut)(t, w, a)
	a.tell(t, tale{"waits-1": {"repeat": "always"}, "waits-2": {"repeat": "always"}})
	a.tell(t, tale{"held": nil})
	w.fault(func(heading) fate { return passes })
}

func makeFolderOf(t *testing.T, file string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// mended makes a run after the damage is away: there are no errors left, and
// nothing waits. What lay in the damaged file itself may be lost, and was told.
func mended(t *testing.T, h *hub, a *teller, id string) {
	t.Helper()
	if out := a.tell(t, tale{"held": nil, id: nil}); strings.Contains(out, "error:") {
		t.Errorf("the run after it:\n%s", out)
	}
	waits, _, err := a.waiting()
	if len(waits) > 0 || err != nil {
		t.Errorf("there wait %v, %v", waits, err)
	}
	stored := h.storedIDs(t)
	for _, id := range []string{"held", "waits-2", id} {
		if stored[id] != 1 {
			t.Errorf("message %s is stored %d times", id, stored[id])
		}
	}
}
