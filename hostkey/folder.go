package hostkey

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// folderWayOut ends the errors of a folder that cannot be read.
const folderWayOut = "it must be a folder of public keys that this user may read, as CFEngine's ppkeys"

// listKeys returns the names that end in ".pub" among at most so many entries
// of dir, sorted, and how dir looked before. whole is false when it holds more.
func listKeys(dir string, most int) (s stamp, names []string, whole bool, err error) {
	if s, err = folderStamp(dir); err != nil {
		return s, nil, false, fmt.Errorf("%w; %s", err, folderWayOut)
	}
	if s.writableByOthers() {
		return s, nil, false, fmt.Errorf("%s: everybody may write in it, so a key in it proves nothing; run `chmod o-w %s` and look through it", dir, dir)
	}
	all, err := readNames(dir, most+1)
	if err != nil {
		return s, nil, false, fmt.Errorf("%w; %s", err, folderWayOut)
	}
	whole = len(all) <= most
	names = slices.DeleteFunc(all[:min(len(all), most)], func(name string) bool { return !isKeyName(name) })
	slices.Sort(names)
	return s, names, whole, nil
}

func readNames(dir string, most int) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(most)
	if errors.Is(err, io.EOF) { // an empty folder
		return nil, nil
	}
	return names, err
}

func isKeyName(name string) bool { return strings.HasSuffix(name, ".pub") }
