package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/webhuis/cfengine-messages/zmq"
)

// checkWritable finds what everybody may write and the listener goes by: who
// writes the configuration has the listener run his programs. Keys and the state
// folder have checks of their own.
func checkWritable(c Config) []finding {
	var found []finding
	for _, path := range []string{c.file, c.Schemas, c.Views} {
		if path != "" {
			found = append(found, writable(path)...)
		}
	}
	for _, schema := range slices.Sorted(maps.Keys(c.Feeds)) {
		for _, h := range c.Feeds[schema].Handlers {
			if len(h.Exec) > 0 {
				found = append(found, writable(h.Exec[0])...)
			}
		}
	}
	return found
}

// writable is empty where all is well, and where nothing is there.
func writable(path string) []finding {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && info.Mode().Perm()&0o002 != 0:
		err = fmt.Errorf("everybody may write there, and so say what the listener does: chmod o-w %s, and look through it", path)
	case err == nil:
		return nil
	}
	return []finding{newFinding("mode of "+path, err)}
}

// checkForwards warns of forwards over the network to whoever is there.
func checkForwards(c Config) []finding {
	var found []finding
	for _, f := range c.forwards() {
		for _, b := range f.Bind {
			found = append(found, checkBind(b, f.Curve))
		}
		for _, to := range f.To {
			found = append(found, checkConnect(to, f))
		}
		if _, err := f.receiver(); err != nil {
			found = append(found, newFinding("forward "+f.name(), err))
		}
	}
	return found
}

func checkConnect(endpoint string, f Forward) finding {
	what := "forward to " + endpoint
	e, err := zmq.ParseEndpoint(endpoint)
	switch {
	case err != nil || local(e) || f.ServerKey != "":
		return newFinding(what, err)
	case f.Key != "":
		return warning(what, "over the network without encryption: name that listener's curve.pub as server_key, and say curve: any where it binds")
	case f.Pattern == patternRequest:
		return warning(what, "over the network without encryption, and any host that is trusted here may acknowledge there and drop it: name that listener's curve.pub as server_key, and say curve: any where it binds; or its digest (messages key) as key")
	default:
		return warning(what, "over the network without encryption, to whoever answers there: name that listener's curve.pub as server_key, and say curve: any where it binds")
	}
}
