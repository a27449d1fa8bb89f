package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// conversation is what cf-agent has with the module.
type conversation struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	began  time.Time // when the module was started
	cancel context.CancelFunc
}

// converse does what cf-agent does before the first promise: it starts the
// module, says who it is, and reads the answer. under is a program that starts
// the module in its turn, with its arguments; usually there is none.
func (s *stage) converse(ctx context.Context, under ...string) (*conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	words := append(under, s.module())
	c := &conversation{cmd: s.command(ctx, words[0], words[1:]...), cancel: cancel}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.began = time.Now()
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.Close())
	}
	c.in, c.out = in, bufio.NewReader(out)
	lines, err := c.exchange("cf-agent 3.21.0 v1")
	if err == nil && !strings.HasPrefix(lines[0], "messages_promise_module ") {
		err = fmt.Errorf("it answered the header with %q", lines[0])
	}
	if err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// ask has a promise checked or kept; want is the result.
func (c *conversation) ask(operation string, attributes map[string]string, want string) error {
	request, err := json.Marshal(map[string]any{
		"operation": operation, "promise_type": "messages", "promiser": "host", "attributes": attributes,
		"filename": "/bench.cf", "line_number": 1, "log_level": "error",
	})
	if err != nil {
		return err
	}
	lines, err := c.exchange(string(request))
	if err != nil {
		return err
	}
	var answer struct {
		Result string `json:"result"`
	}
	err = json.Unmarshal([]byte(lines[len(lines)-1]), &answer)
	if err != nil || answer.Result != want {
		return fmt.Errorf("%s is to be %s, and the module answered %q", operation, want, lines)
	}
	return nil
}

// exchange sends a line and reads the lines of the answer, one at least.
func (c *conversation) exchange(line string) ([]string, error) {
	if _, err := io.WriteString(c.in, line+"\n\n"); err != nil {
		return nil, err
	}
	var lines []string
	for {
		text, err := c.out.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSuffix(text, "\n"); text == "" && len(lines) > 0 {
			return lines, nil
		}
		lines = append(lines, text)
	}
}

// end closes the conversation and waits for the module.
func (c *conversation) end() error {
	defer c.cancel()
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
