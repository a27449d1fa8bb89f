package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func runCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Listen: take messages, put them on disk, answer",
		Long: `run listens until SIGTERM or SIGINT, then answers what it has received and stops;
a second one ends it at once. SIGHUP makes it read feeds, schemas, views and keys
again. Logs go to stderr; when all sockets are bound it says ready there and to systemd.`,
	}
	return listens(c, f)
}

// listens makes a command the one that runs the listener.
func listens(c *cobra.Command, f *flags) *cobra.Command {
	format := "text"
	c.Args = usageArgs(cobra.NoArgs)
	c.RunE = func(c *cobra.Command, _ []string) error {
		log, err := newLog(format)
		if err != nil {
			return err
		}
		err = run(c.Context(), *f, log)
		if err != nil && format == "json" {
			log.Error("ended by an error", "error", err)
			err = toldError{err}
		}
		return err
	}
	c.Flags().StringVar(&format, "log-format", format, "text or json")
	c.Flags().StringArrayVar(&f.bind, "bind", nil, "bind the request listener here, instead of the configuration's listeners (repeatable)")
	return c
}

// run is the whole life of a listener. SIGHUP is caught before anything is open
// and never given back: it must not be what ends the process, up to its end.
func run(ctx context.Context, f flags, log *slog.Logger) error {
	defer allowGarbage()()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	config, err := f.load()
	if err != nil {
		return err
	}
	s := &service{config: config, flags: f, log: log}
	if err := s.open(); err != nil {
		return errors.Join(err, s.close())
	}
	s.ready()
	err = errors.Join(s.serve(ctx, hup), s.close())
	s.bye()
	return err
}
