package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/test/ports"
)

// A pipeline whose every hop is encrypted: a listener that forwards by request and
// has workers connect, and another that takes both.
func TestForwardByCurve(t *testing.T) {
	front, back := newSite(t), newSite(t)
	ask, work := ports.Free(t), ports.Free(t)
	back.write("listeners:",
		"  - {pattern: request, bind: ['tcp://127.0.0.1:"+ask+"'], curve: any}",
		"  - {pattern: push, connect: ['tcp://127.0.0.1:"+work+"'], server_key: "+filepath.Join(front.state, curvePublic)+"}",
		"feeds: {host: {from: trusted}, network: {from: trusted}}")
	back.mustCLI("init")
	public := strings.TrimSpace(read(t, filepath.Join(back.state, curvePublic)))
	front.write("listeners: [{pattern: request, bind: ['tcp://127.0.0.1:0']}]", "feeds:",
		"  host:", "    from: trusted", "    handlers:",
		"      - forward: {pattern: request, to: ['tcp://127.0.0.1:"+ask+"'], server_key: "+fmt.Sprintf("%q", public)+"}",
		"  network:", "    from: trusted", "    handlers:",
		"      - forward: {pattern: push, bind: ['tcp://127.0.0.1:"+work+"'], curve: any}")
	front.mustCLI("init")
	f, b := front.listen(), back.listen()
	f.send("m-1", `{"uqhost":"www1"}`)
	node := &curveHost{t: t, pair: front.pair}
	request(t, f.client, f.endpoint, node.seal("network", `{"interfaces":{}}`))
	await(t, "message of either way", func() bool {
		out := back.mustCLI("tail", "--json")
		return hasLine(out, `"pattern":"request"`, `"message_id":"m-1"`) && hasLine(out, `"pattern":"push"`, `"network"`)
	})
	if left := b.log.line("refused"); left != "" {
		t.Error(left)
	}
}

// Where the next listener takes enrolled hosts only, the forward binds its key by
// itself and goes on.
func TestForwardEnrols(t *testing.T) {
	front, back := newSite(t), newSite(t)
	ask, enrol := ports.Free(t), ports.Free(t)
	back.write("listeners:",
		"  - {pattern: request, bind: ['tcp://127.0.0.1:"+ask+"'], curve: enrolled}",
		"  - {pattern: request, bind: ['tcp://127.0.0.1:"+enrol+"'], curve: any, only: [curve_key]}",
		"feeds: {host: {from: trusted}, curve_key: {from: trusted}}")
	back.mustCLI("init")
	front.write("listeners: [{pattern: request, bind: ['tcp://127.0.0.1:0']}]", "feeds:",
		"  host:", "    from: trusted", "    handlers:",
		"      - forward: {pattern: request, to: ['tcp://127.0.0.1:"+ask+"'], enrol: ['tcp://127.0.0.1:"+enrol+"'], server_key: "+filepath.Join(back.state, curvePublic)+"}")
	front.mustCLI("init")
	f := front.listen()
	back.listen()
	f.send("m-1", `{"uqhost":"www1"}`)
	await(t, "message of the forward", func() bool {
		out := back.mustCLI("tail", "--json")
		return hasLine(out, `"message_id":"m-1"`) && strings.Count(out, `"curve_key"`) >= 1
	})
}
