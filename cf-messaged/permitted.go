package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// permitted adds to an error of missing rights at a folder who has them.
func permitted(err error, folder string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w: cf-messaged runs as %s, and %s is %s's: run it as that user, name another folder, or give this one to the user it runs as",
		err, userName(os.Geteuid()), folder, ownerName(folder))
}

func ownerName(path string) string {
	if id, err := owner(path); err == nil {
		return userName(id)
	}
	return "another user" // of a folder above it
}

func owner(path string) (int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("user %d", id)
}
