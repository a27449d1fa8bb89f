// Command cf-messaged is the listener: it takes what the nodes' messages
// promises say, puts it on disk and answers with receipts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/zmq"
)

// version is set by the build; see versionText.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal finds nobody who would catch it
	os.Exit(exitCode(command().ExecuteContext(ctx)))
}

// exitCode tells an error and what the process ends with (DESIGN.md section 9).
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if told := (toldError{}); !errors.As(err, &told) {
		fmt.Fprintln(os.Stderr, "cf-messaged:", err)
	}
	if usage := (usageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError marks what the caller can mend by other words or another
// configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// toldError marks what is in the log already.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// command builds the command line. Without a command it is run, as DESIGN.md
// section 9 has it.
func command() *cobra.Command {
	var f flags
	root := listens(&cobra.Command{
		Use:   "cf-messaged",
		Short: "The listener of CFEngine's messages promises",
		Long: `cf-messaged takes what nodes say with messages: promises, verifies who says it,
checks it against its schema, puts it on disk and only then answers.
Without a command it listens, as with run.

Without --config it reads ` + defaultConfigFile + `, and where that is not
there its embedded default (see "cf-messaged init --print").

Exit codes: 0 done, 1 failed, 2 usage or configuration.`,
		Example: `  cf-messaged init                      make state folder and configuration
  cf-messaged check                     is everything as it should be?
  cf-messaged run                       listen
  cf-messaged put --all sitedata        say what holds for domains and roles
  cf-messaged tail -F --json            watch what arrives
  cf-messaged dead list                 what was refused, and why`,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}, &f)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.PersistentFlags().StringVar(&f.config, "config", "", "configuration file (default "+defaultConfigFile+", else embedded)")
	root.PersistentFlags().StringVar(&f.state, "state", "", "state folder, instead of the configuration's")
	root.PersistentFlags().StringVar(&f.keys, "keys", "", "folder of CFEngine keys, instead of the configuration's")
	root.AddCommand(runCommand(&f), checkCommand(&f), initCommand(&f), tailCommand(&f), showCommand(&f), hostsCommand(&f), historyCommand(&f), conflictsCommand(&f), deadCommand(&f), keysCommand(&f), rebuildCommand(&f), exportCommand(&f))
	root.AddCommand(schemaCommand(&f), viewCommand(&f), putCommand(&f))
	return root
}

// usageArgs makes a wrong number of arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
		return nil
	}
}

func versionText() string {
	v := version
	if v == "" {
		v = "(devel)"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
			v = info.Main.Version
		}
	}
	return fmt.Sprintf("%s, libzmq %s", v, zmq.Version())
}
