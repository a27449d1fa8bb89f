package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/zmq"
)

// finding is one thing that check looked at. An empty Fault is a good one.
type finding struct {
	What  string `json:"what"`
	Fault string `json:"fault"` // what is wrong and how to mend it
	Warn  bool   `json:"warning,omitempty"`
}

func checkCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check configuration, keys, sockets and libraries, and say how to mend what is wrong",
		Long: `check looks at the configuration, the schemas, the keys and their modes, the
endpoints and the ZeroMQ library, binds nothing and changes nothing.
Exit codes: 0 all is well (warnings may be there), 1 something is wrong, 2 the configuration does not hold.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := f.load()
			if err != nil {
				return err
			}
			return report(lines(c), check(config), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

func check(c Config) []finding {
	found := []finding{{What: "configuration " + c.name()}}
	_, err := c.registry()
	found = append(found, newFinding("schemas", err))
	_, err = c.views()
	found = append(found, newFinding("views", err))
	found = append(found, checkFeeds(c)...)
	found = append(found, checkKeys(c)...)
	found = append(found, checkState(c.State)...)
	for _, l := range c.Listeners {
		for _, b := range l.Bind {
			found = append(found, checkBind(b, l.Curve))
		}
	}
	found = append(found, checkForwards(c)...)
	found = append(found, checkWritable(c)...)
	found = append(found, checkCurveKeys(c)...)
	found = append(found, checkPublished(c)...)
	found = append(found, checkMetricsBind(c)...)
	return append(found, checkLibrary())
}

// patched is set by the build that links libzmq with build/zmq.patch.
var patched string

// checkLibrary refuses a libzmq with known holes, and warns of one that a peer can
// end the listener by.
func checkLibrary() finding {
	f := newFinding("libzmq "+zmq.Version(), zmq.CheckVersion())
	if f.Fault == "" && patched == "" {
		return warning(f.What, "this one ends the listener when certain connections are reset: build cf-messaged with build/programs, which has a patch for that")
	}
	return f
}

func newFinding(what string, err error) finding {
	f := finding{What: what}
	if err != nil {
		f.Fault = err.Error()
	}
	return f
}

func warning(what, format string, args ...any) finding {
	return finding{What: what, Fault: fmt.Sprintf(format, args...), Warn: true}
}

func checkKeys(c Config) []finding {
	folder := c.Keys
	private := filepath.Join(folder, "localhost.priv")
	_, err := hostkey.ReadPair(folder)
	found := []finding{newFinding("own key "+private, permitted(err, folder))}
	if err == nil {
		found = append(found, newFinding("mode of "+private, hostkey.CheckMode(private)))
	}
	trust, err := c.openTrust()
	if err != nil {
		return append(found, newFinding("trusted keys "+folder, err))
	}
	defer trust.Close()
	found = append(found, finding{What: fmt.Sprintf("trusted keys: %d in %s", len(trust.Keys()), folder)})
	for _, p := range trust.Problems() {
		found = append(found, warning("trusted keys "+folder, "%v", p))
	}
	return found
}

func checkState(folder string) []finding {
	what := "state folder " + folder
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []finding{warning(what, "not there yet: cf-messaged init makes it, and run does")}
	case err == nil && !info.IsDir():
		err = errors.New("not a folder: name another one with state")
	case err == nil && info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("mode %04o lets others in: chmod 0700 %s", info.Mode().Perm(), folder)
	}
	found := []finding{newFinding(what, permitted(err, folder))}
	if err == nil {
		found = append(found, checkOwner(folder)...)
	}
	curve := filepath.Join(folder, curveSecret)
	if _, err := os.Stat(curve); err == nil {
		found = append(found, newFinding("mode of "+curve, hostkey.CheckMode(curve)))
	}
	return found
}

// checkCurveKeys looks at the keys that CURVE needs here.
func checkCurveKeys(c Config) []finding {
	if !c.speaksCurve() {
		return nil
	}
	pair, err := readCurve(c.State)
	found := []finding{newFinding("CURVE key "+filepath.Join(c.State, curveSecret), err)}
	named := map[string]bool{}
	for _, l := range c.Listeners {
		named[l.ServerKey] = true
	}
	for _, f := range c.forwards() {
		named[f.ServerKey] = true
	}
	delete(named, "")
	if c.enrols() && !slices.ContainsFunc(c.Listeners, takesKeys) {
		found = append(found, warning("curve: enrolled", "no listener takes the keys of hosts that are new: add {pattern: request, bind: […], curve: any, only: [curve_key]}"))
	}
	for _, key := range slices.Sorted(maps.Keys(named)) {
		_, err := pair.client(key)
		found = append(found, newFinding("server_key "+key, err))
	}
	return found
}

// takesKeys tells whether hosts can bind their CURVE keys at a socket.
func takesKeys(l Socket) bool {
	return l.Pattern == patternRequest && l.Curve == curveAny && (len(l.Only) == 0 || slices.Contains(l.Only, curveKeySchema))
}

// checkOwner finds a folder of somebody else's. Root may look at it, and should
// not listen there.
func checkOwner(folder string) []finding {
	id, err := owner(folder)
	if err != nil || id == os.Geteuid() {
		return nil
	}
	f := newFinding("state folder "+folder, fmt.Errorf("it is %s's, and this is %s: run cf-messaged as its owner", userName(id), userName(os.Geteuid())))
	f.Warn = os.Geteuid() == 0
	return []finding{f}
}

// checkBind finds fault with a socket that the network reaches in the clear:
// whoever is on the way reads and feigns all but what is signed or encrypted. Where
// the configuration says curve: off in so many words it only warns.
func checkBind(endpoint, curve string) finding {
	what := "bind " + endpoint
	e, err := zmq.ParseBind(endpoint)
	switch {
	case err != nil:
		return newFinding(what, err)
	case curved(curve):
		return finding{What: what + ", CURVE for " + curve}
	case local(e):
		return finding{What: what}
	case curve == curveOff:
		return warning(what, "reachable from the network without encryption, as curve: off says: see that a firewall lets only your nodes in")
	}
	return newFinding(what, errors.New("reachable from the network without encryption: say curve: any or curve: enrolled there, or bind loopback; curve: off says that you mean it"))
}

// local tells whether only this host reaches an endpoint.
func local(e zmq.Endpoint) bool {
	ip := net.ParseIP(e.Host)
	return e.Scheme == "ipc" || e.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// report prints the findings; a fault that is no warning makes the check fail.
func report(out io.Writer, found []finding, asJSON bool) error {
	faults := 0
	for _, f := range found {
		word := "ok     "
		switch {
		case f.Fault != "" && f.Warn:
			word = "warning"
		case f.Fault != "":
			word = "FAULT  "
			faults++
		}
		if err := printFinding(out, f, word, asJSON); err != nil {
			return err
		}
	}
	if faults > 0 {
		return fmt.Errorf("check: %d found wrong", faults)
	}
	return nil
}

func printFinding(out io.Writer, f finding, word string, asJSON bool) error {
	if asJSON {
		return writeJSON(out, f)
	}
	text := f.What
	if f.Fault != "" {
		text += ": " + f.Fault
	}
	_, err := fmt.Fprintf(out, "%s  %s\n", word, text)
	return err
}
