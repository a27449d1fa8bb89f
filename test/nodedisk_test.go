package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk puts a node's state on a disk of its own, of so many bytes.
func smallDisk(t *testing.T, a *teller, size int) {
	t.Helper()
	if err := os.MkdirAll(a.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", a.state(), "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(a.state(), 0); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDisk fills the disk of a node's state. What then is said to wait is
// there, what finds no room is told to wait nowhere, and once there is room
// again all of it arrives, once.
func TestFullDisk(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	w := newWire(t, h.endpoints["request"])
	a := newTeller(t, h, w.endpoint)
	smallDisk(t, a, 128<<10)
	a.tell(t, tale{"held": nil})

	always(fromNode, cut)(t, w, a)
	ballast := strings.Repeat("x", 8<<10)
	says := tale{"held": nil}
	for i := range 20 {
		id := fmt.Sprintf("full-%02d", i)
		says[id] = map[string]string{"repeat": "always", "content": fmt.Sprintf(`{"uqhost": "%s", "site": {"filler": "%s"}}`, id, ballast)}
	}
	out := a.tell(t, says)
	waits, _, err := a.waiting()
	if err != nil || len(waits) == 0 || len(waits) == 20 {
		t.Fatalf("there wait %d of 20, %v\n%s", len(waits), err, out)
	}
	delete(says, "held")
	for id := range says {
		expect := `error: Message ID not delivered: .*no space left on device.* Nothing waits on this host: the next run sends it anew`
		if waits[id] {
			expect = notDelivered
		}
		if !matches(out, expect, id) {
			t.Errorf("message %s, which waits: %t, is to be told so: %s", id, waits[id], expect)
		}
	}
	if strings.Contains(out, "Message held") {
		t.Errorf("what is held needs no disk:\n%s", out)
	}

	fillUp(t, filepath.Join(a.state(), "other"))
	if out := a.tell(t, tale{"held": nil, "none": nil}); !matches(out, `error: Message ID not delivered: .*no space left on device`, "none") {
		t.Errorf("without any room:\n%s", out)
	}
	w.fault(func(heading) fate { return passes })
	a.tell(t, tale{"held": nil}) // what waits leaves, and makes room
	if err := os.Remove(filepath.Join(a.state(), "other")); err != nil {
		t.Fatal(err)
	}
	for id := range waits {
		delete(says, id)
	}
	for range 3 { // what is left is more than the disk holds at once
		a.tell(t, says)
	}
	waits, dropped, err := a.waiting()
	if len(waits)+len(dropped) > 0 || err != nil {
		t.Errorf("in the end there wait %v, %v are dropped, %v", waits, dropped, err)
	}
	for id, n := range h.storedIDs(t) {
		if n != 1 {
			t.Errorf("message %s is stored %d times", id, n)
		}
		delete(says, id)
	}
	if len(says) > 0 {
		t.Errorf("%d messages are not stored", len(says))
	}
}

// fillUp writes until no byte more finds room.
func fillUp(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// TestReadOnlyState has a node's state on a disk that became read-only. What is
// held stays kept, without a word; what is new, or waits, is told with its
// reason; and nothing is lost.
func TestReadOnlyState(t *testing.T) {
	h := newHub(t, "request")
	h.start(t)
	w := newWire(t, h.endpoints["request"])
	a := newTeller(t, h, w.endpoint)
	smallDisk(t, a, 1<<20)
	a.tell(t, tale{"held": nil})
	if err := unix.Mount("", a.state(), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if out := a.tell(t, tale{"held": nil}); strings.Contains(out, "essage") {
		t.Errorf("what is held needs no disk:\n%s", out)
	}
	out := a.tell(t, tale{"held": nil, "new": nil, "late": {"pattern": "async_request"}})
	for _, id := range []string{"new", "late"} {
		if !matches(out, `error: Message ID not delivered: .*`+a.state()+`.*read-only file system\. Nothing waits on this host`, id) {
			t.Errorf("message %s cannot be counted:\n%s", id, out)
		}
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", a.state(), "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(0)
	always(fromNode, cut)(t, w, a)
	a.tell(t, tale{"waits": {"repeat": "always"}})
	remount(unix.MS_RDONLY)
	w.fault(func(heading) fate { return passes })
	if out := a.tell(t, tale{"held": nil}); !matches(out, `error: Message ID \(ID\) was delivered, but .*read-only file system`, "waits") {
		t.Errorf("what waits cannot leave the outbox:\n%s", out)
	}
	remount(0)
	if out := a.tell(t, tale{"held": nil, "new": nil, "late": {"pattern": "async_request"}}); strings.Contains(out, "error:") {
		t.Errorf("when the disk can be written again:\n%s", out)
	}
	waits, dropped, err := a.waiting()
	if len(waits)+len(dropped) > 0 || err != nil {
		t.Errorf("in the end there wait %v, %v are dropped, %v", waits, dropped, err)
	}
	stored := h.storedIDs(t)
	for _, id := range []string{"held", "new", "late", "waits"} {
		if stored[id] != 1 {
			t.Errorf("message %s is stored %d times", id, stored[id])
		}
	}
}
