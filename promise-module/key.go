package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// showKey prints the digest that names this host as a sender and its public
// key, for a listener that is to trust it.
func showKey(args []string, out io.Writer) error {
	asJSON := len(args) == 1 && args[0] == "--json"
	if len(args) > 0 && !asJSON {
		return fmt.Errorf("key takes nothing but --json, found %q: %w", args, errUsage)
	}
	work := findWorkDir(os.Getenv(overrideWorkDir), executable())
	pair, err := readPair(work)
	if err != nil {
		return err
	}
	key := pair.Public()
	if asJSON {
		shown := map[string]string{
			"digest": string(key.Digest()), "community_digest": hostkey.CommunityDigest(key.RSA()), "public_key": string(key.PEM()),
		}
		if curve := shownCurve(work.state()); curve != "" {
			shown["curve_key"] = curve
		}
		return json.NewEncoder(out).Encode(shown)
	}
	return printText(out, fmt.Sprintf("%s\n%s", key.Digest(), key.PEM()))
}
