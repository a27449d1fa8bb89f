package promise

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFramer(t *testing.T) {
	long, over := strings.Repeat("x", 100_000), strings.Repeat("y", 100_001)
	for _, test := range []struct {
		name, in string
		frames   []string
		end      error
	}{
		{"nothing", "", nil, io.EOF},
		{"one", "a\n\n", []string{"a"}, io.EOF},
		{"two", "a\n\nb b\n\n", []string{"a", "b b"}, io.EOF},
		{"more empty lines", "\n\na\n\n\n\nb\n\n\n", []string{"a", "b"}, io.EOF},
		{"no empty line at the end", "a\n\nb\n", []string{"a", "b"}, io.EOF},
		{"cut in a line", "a\n\nb", []string{"a"}, io.ErrUnexpectedEOF},
		{"several lines are one message", "a\nb\n\nc\n\n", []string{"refused: not one line", "c"}, io.EOF},
		{"NUL and high bytes", "\x00\xff\n\n", []string{"\x00\xff"}, io.EOF},
		{"as long as may be", long + "\n\na\n\n", []string{long, "a"}, io.EOF},
		{"longer", over + "\n\na\n\n", []string{"refused: longer", "a"}, io.EOF},
		{"longer by far", strings.Repeat(over, 5) + "\n\na\n\n", []string{"refused: longer", "a"}, io.EOF},
		{"longer, cut", over, nil, io.ErrUnexpectedEOF},
		{"a long second line", "a\n" + over + "\n\nb\n\n", []string{"refused: not one line", "b"}, io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(test.in), iotest.DataErrReader(iotest.HalfReader(strings.NewReader(test.in)))} {
				frames, end := frames(newFramer(in, len(long)))
				if !slices.Equal(frames, test.frames) || end != test.end {
					t.Errorf("got %.100q, %v", frames, end)
				}
			}
		})
	}
}

func TestFramerReportsTheReader(t *testing.T) {
	broken := errors.New("broken")
	frames, end := frames(newFramer(io.MultiReader(strings.NewReader("a\n\nb"), iotest.ErrReader(broken)), 100))
	if !slices.Equal(frames, []string{"a"}) || end != broken {
		t.Errorf("got %q, %v", frames, end)
	}
}

// frames reads all messages.
func frames(f *framer) (all []string, end error) {
	for {
		got, err := f.next()
		switch {
		case err != nil:
			return all, err
		case got.refused == nil:
			all = append(all, string(bytes.Clone(got.line)))
		case strings.Contains(got.refused.Error(), "longer than the 100000 bytes"):
			all = append(all, "refused: longer")
		default:
			all = append(all, "refused: "+got.refused.Error()[len("cannot read the agent's request: it is "):])
		}
	}
}
