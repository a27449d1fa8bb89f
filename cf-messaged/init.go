package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/zmq"
)

// The CURVE pair's files in the state folder.
const (
	curveSecret = "curve.key"
	curvePublic = "curve.pub"
)

func initCommand(f *flags) *cobra.Command {
	var print bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the state folder, its CURVE keys and an annotated configuration",
		Long: `init makes what is missing and changes nothing that is there: the configuration
file, the state folder (0700), and in it the CURVE pair curve.key (0600) and curve.pub.
Run it as the user that the listener will run as, or give that user the state folder.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if print {
				_, err := c.OutOrStdout().Write(defaultConfig)
				return err
			}
			return initialize(*f, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&print, "print", false, "print the configuration, make nothing")
	return c
}

func initialize(f flags, out io.Writer) error {
	f.config = first(f.config, defaultConfigFile)
	if err := initConfig(f, out); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	config, err := f.load()
	if err != nil {
		return err
	}
	if err := initState(config.State, out); err != nil {
		return fmt.Errorf("state folder: %w", permitted(err, config.State))
	}
	if err := initCurve(config.State, out); err != nil {
		return fmt.Errorf("CURVE pair: %w", permitted(err, config.State))
	}
	return nil
}

// initConfig writes the configuration, with the folders that the flags name
// in it, so that the commands to come find them there.
func initConfig(f flags, out io.Writer) error {
	if _, err := os.Stat(f.config); err == nil {
		fmt.Fprintf(out, "kept     configuration %s\n", f.config)
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := defaultConfig
	if f.state != "" {
		text = bytes.Replace(text, []byte("state: /var/lib/cf-messaged"), fmt.Appendf(nil, "state: %q", f.state), 1)
	}
	if f.keys != "" {
		text = bytes.Replace(text, []byte("# keys: /var/cfengine/ppkeys"), fmt.Appendf(nil, "keys: %q", f.keys), 1)
	}
	if err := os.MkdirAll(filepath.Dir(f.config), 0o755); err != nil {
		return err
	}
	return write(f.config, text, 0o644, "configuration", out)
}

func initState(folder string, out io.Writer) error {
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		fmt.Fprintf(out, "kept     state folder %s\n", folder)
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	fmt.Fprintf(out, "made     state folder %s\n", folder)
	return nil
}

// initCurve makes the pair as Z85 text. To a secret key that is there, its
// public half is made where it is missing or another's.
func initCurve(state string, out io.Writer) error {
	secretFile, publicFile := filepath.Join(state, curveSecret), filepath.Join(state, curvePublic)
	secret, err := readKey(secretFile)
	if err != nil {
		return err
	}
	if secret == "" {
		if secret, err = zmq.NewCurveSecret(); err != nil {
			return err
		}
		if err := write(secretFile, []byte(secret+"\n"), 0o600, "CURVE key, secret:", out); err != nil {
			return err
		}
	}
	public, err := zmq.CurvePublic(secret)
	if err != nil {
		return fmt.Errorf("%s: %w; move it away and run init again to have a new one", secretFile, err)
	}
	is, err := readKey(publicFile)
	if err != nil {
		return err
	}
	if is == public {
		fmt.Fprintf(out, "kept     CURVE pair %s, %s\n", secretFile, publicFile)
		return nil
	}
	return write(publicFile, []byte(public+"\n"), 0o644, "CURVE key, public:", out)
}

// readKey gives the text of a key file, "" where there is none.
func readKey(file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return string(bytes.TrimSpace(text)), err
}

func write(file string, text []byte, mode fs.FileMode, what string, out io.Writer) error {
	if err := renameio.WriteFile(file, text, mode); err != nil {
		return err
	}
	fmt.Fprintf(out, "written  %s %s\n", what, file)
	return nil
}
