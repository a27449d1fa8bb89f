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
			found = append(found, checkConnect(to, f.ServerKey))
		}
	}
	return found
}

func checkConnect(endpoint, serverKey string) finding {
	what := "forward to " + endpoint
	e, err := zmq.ParseEndpoint(endpoint)
	if err == nil && !local(e) && serverKey == "" {
		return warning(what, "over the network without encryption, to whoever answers there: name that listener's curve.pub as server_key, and say curve: any where it binds")
	}
	return newFinding(what, err)
}
