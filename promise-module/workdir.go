package main

import (
	"os"
	"path/filepath"
	"strings"
)

// workDir is where CFEngine and this module keep what they know.
type workDir string

// overrideWorkDir is the variable that moves the work directory of CFEngine's
// own programs, and ours.
const overrideWorkDir = "CFENGINE_TEST_OVERRIDE_WORKDIR"

// fromPolicy is the place of the binary below the work directory, where
// masterfiles put it.
const fromPolicy = "/modules/promises/"

// usualWorkDirs are those of CFEngine's own packages and of Debian's.
var usualWorkDirs = []string{"/var/cfengine", "/var/lib/cfengine3"}

// findWorkDir finds the work directory (DESIGN.md section 7): the override
// that CFEngine's own programs know, else the one the binary lies in, else
// the first usual place that is there.
func findWorkDir(override, executable string) workDir {
	if override != "" {
		return workDir(override)
	}
	if i := strings.LastIndex(executable, fromPolicy); i > 0 {
		return workDir(executable[:i])
	}
	for _, dir := range usualWorkDirs {
		if _, err := os.Stat(dir); err == nil {
			return workDir(dir)
		}
	}
	return workDir(usualWorkDirs[0])
}

// keys is the folder of the host's key pair and of the keys it trusts.
func (w workDir) keys() string { return filepath.Join(string(w), "ppkeys") }

// state is $(sys.statedir)/messages.
func (w workDir) state() string { return filepath.Join(string(w), "state", "messages") }

// executable is the path of this binary with links resolved, or "" where the
// system does not tell.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}
