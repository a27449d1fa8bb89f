package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/sqlite"
	"github.com/webhuis/cfengine-messages/truth"
	"github.com/webhuis/cfengine-messages/view"
)

// atTheCommandLine bounds an answer that no node has to read.
var atTheCommandLine = view.Limits{Rows: 1_000_000, Bytes: 1 << 30, Time: time.Minute, Readers: 1}

// views is one run of view.
type views struct {
	flags      *flags
	host, asOf string
	parameters []string
}

func viewCommand(f *flags) *cobra.Command {
	v := views{flags: f}
	c := &cobra.Command{
		Use:   "view NAME",
		Short: "Show a view, as a host would be told it or as of a time",
		Long: `view prints the data of a view as one JSON object. It asks for no right: who may
read the truth's file may see it all. A view for: sender is about one host, which
--for names by its key digest or by what it calls itself.`,
		Example: `  cf-messaged view host_context --for web1.example.com
  cf-messaged view zone --parameter domain=example.com
  cf-messaged view cmdb --as-of 2026-11-20T12:00:00Z`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return v.show(c, args[0]) },
	}
	c.Flags().StringVar(&v.host, "for", "", "the host that it is for: a key digest or a name")
	c.Flags().StringVar(&v.asOf, "as-of", "", "by the truth of that time, RFC 3339")
	c.Flags().StringArrayVar(&v.parameters, "parameter", nil, "NAME=TEXT, for each parameter that the view has")
	c.Flags().Bool("json", true, "one JSON object; there is no other form")
	return c
}

func (v views) show(c *cobra.Command, name string) error {
	config, err := v.flags.load()
	if err != nil {
		return err
	}
	set, err := config.views()
	if err != nil {
		return usageError{err}
	}
	open, err := v.open(c, config.State)
	if err != nil {
		return err
	}
	r := view.NewRunner(set, view.Options{Open: open, Limits: atTheCommandLine})
	data, err := v.ask(c.Context(), set, r, name)
	if err == nil {
		_, err = lines(c).Write(append(data, '\n'))
	}
	return errors.Join(err, r.Close())
}

// open tells how the truth is opened; that of now has caught up with the queue.
func (v views) open(c *cobra.Command, state string) (func(context.Context) (*sqlite.Conn, error), error) {
	if v.asOf == "" {
		err := withTruth(c, v.flags, func(*truth.Reader) error { return nil })
		return func(ctx context.Context) (*sqlite.Conn, error) { return truth.Connect(ctx, state) }, err
	}
	at, err := time.Parse(time.RFC3339, v.asOf)
	if err != nil {
		return nil, usageError{fmt.Errorf("--as-of: expected a time as 2026-11-20T12:00:00Z, found %q", v.asOf)}
	}
	if err := tellLeft(c, v.flags, "", at); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*sqlite.Conn, error) {
		conn, err := truth.ConnectAsOf(ctx, state, at)
		return conn, permitted(err, state)
	}, nil
}

func (v views) ask(ctx context.Context, set *view.Set, r *view.Runner, name string) ([]byte, error) {
	one, known := set.Find(name)
	switch {
	case !known:
		return nil, usageError{fmt.Errorf("no view %q; there are: %s", name, strings.Join(set.Names(), ", "))}
	case one.For.Sender && v.host == "":
		return nil, usageError{fmt.Errorf("view %s tells each host about itself: name one, as --for web1.example.com", name)}
	}
	parameters, err := v.values()
	if err != nil {
		return nil, err
	}
	var host hostkey.Digest
	if v.host != "" {
		if host, err = r.Host(ctx, v.host); err != nil {
			return nil, err
		}
	}
	data, err := r.RunFor(ctx, name, host, parameters)
	if wrong := (*view.ParameterError)(nil); errors.As(err, &wrong) {
		return nil, usageError{fmt.Errorf("%w; give each as --parameter NAME=TEXT", err)}
	}
	return data, err
}

func (v views) values() (view.Parameters, error) {
	values := view.Parameters{}
	for _, text := range v.parameters {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("--parameter: expected NAME=TEXT, as domain=example.com, found %q", text)}
		}
		values[name] = value
	}
	return values, nil
}
