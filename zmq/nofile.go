package zmq

import (
	"fmt"
	"syscall"
)

// raiseFileLimit raises the soft limit of open files to the hard one, which Go does at its start unless the program
// was told otherwise. Each peer takes one; without any left libzmq's thread spins on accept (facts/zeromq.md trap 8).
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur == limit.Max {
		return nil
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	return nil
}
