package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/webhuis/cfengine-messages/message"
)

// viewByHand puts a published view where policy reads it: the container on stdin
// is one that this host's listener has taken from its hub, for which it runs this
// as a handler (exec). Nothing of it is proved any more. An older one is written as
// well: the listener hands them over in the order in which they came.
func viewByHand(args []string, in io.Reader, out io.Writer, work workDir) error {
	if len(args) != 1 || args[0] != "write" {
		return fmt.Errorf("view takes the word write, found %q: %w", args, errUsage)
	}
	p, err := readPublication(in)
	if err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	file := filepath.Join(work.state(), "views", p.Name+".json") // a view's name is [a-z0-9_]
	changed, err := writeView(file, p.Data)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: only root may write there", err)
	}
	if err != nil || !changed {
		return err
	}
	return printText(out, fmt.Sprintf("written  view %s of %s: %s\n", p.Name, p.MadeAt.UTC().Format("2006-01-02T15:04:05Z"), file))
}

func readPublication(in io.Reader) (message.Publication, error) {
	data, err := io.ReadAll(io.LimitReader(in, int64(receiptLimits.Size)+1))
	if err != nil {
		return message.Publication{}, err
	}
	c, err := message.Decode(data, receiptLimits)
	if err != nil {
		return message.Publication{}, err
	}
	return message.ParsePublication(c)
}
