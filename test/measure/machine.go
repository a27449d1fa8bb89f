package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/webhuis/cfengine-messages/zmq"
)

// machine is where the figures were taken.
type machine struct {
	Cores      int    `json:"cores"`
	Processor  string `json:"processor"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Zmq        string `json:"libzmq"` // of this program and the listener: the system's
	Module     string `json:"module"`
	Listener   string `json:"listener"`
	Agent      string `json:"agent"`
	Python     string `json:"python"`
	FileSystem string `json:"file_system"` // of the temporary folder: the agent's state and the queue

	// OtherCores is how many cores were, on average, busy with what is not of
	// this program: above a few hundredths the figures are disturbed.
	OtherCores float64 `json:"other_cores"`
}

func (s *stage) machine(ctx context.Context) (machine, error) {
	m := machine{
		Cores: cores(), Processor: processor(), Kernel: kernel(), Go: runtime.Version(), Zmq: zmq.Version(),
		FileSystem: fileSystem(s.dir),
	}
	for _, version := range []struct {
		into *string
		args []string
	}{
		{&m.Module, []string{s.module(), "--version"}},
		{&m.Listener, []string{filepath.Join(s.bin, "cf-messaged"), "--version"}},
		{&m.Agent, []string{"cf-agent", "--version"}},
		{&m.Python, []string{"/usr/bin/python3", "-c", "import sys, zmq; print(sys.version.split()[0] + ', pyzmq ' + zmq.__version__)"}},
	} {
		text, err := s.output(ctx, version.args[0], version.args[1:]...)
		if err != nil {
			return m, err
		}
		*version.into, _, _ = strings.Cut(text, "\n")
	}
	return m, nil
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

func processor() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fileSystem names what the folder lies on, by statfs(2)'s numbers.
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.TMPFS_MAGIC:
		return "tmpfs, where nothing is on disk: name a folder that is, by TMPDIR"
	}
	return fmt.Sprintf("type %#x", st.Type)
}

// busy is a moment, with the processor time that was used until then.
type busy struct {
	at        time.Time
	all, ours time.Duration
}

func busyTime() busy {
	return busy{at: time.Now(), all: allCPU(), ours: usedBy(syscall.RUSAGE_SELF) + usedBy(syscall.RUSAGE_CHILDREN)}
}

// others is how many cores were busy since then with what is not this process
// or a child of it that has ended.
func (b busy) others() float64 {
	now := busyTime()
	return max(((now.all-b.all)-(now.ours-b.ours)).Seconds()/now.at.Sub(b.at).Seconds(), 0)
}

// allCPU is what all processors together have done since the boot: user, nice,
// system, irq, softirq and steal of proc(5), /proc/stat.
func allCPU() time.Duration {
	data, _ := os.ReadFile("/proc/stat")
	var user, nice, system, idle, wait, irq, softirq, steal int64
	_, err := fmt.Sscanf(string(data), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal)
	if err != nil {
		return 0
	}
	return time.Duration(user+nice+system+irq+softirq+steal) * tick
}

// usedBy is the processor time of who, one of getrusage(2)'s.
func usedBy(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
