package test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// atOnce is how many agents run together.
const atOnce = 3

// TestDozen is a site with a hub and twelve nodes, all by the ready policy and
// the real agent: who is what comes back to each node as its files and data,
// through names that two claim, roles and site data that change, and a hub that
// is killed while nodes speak. At the end nothing is lost and nothing is there
// twice, and what the truth tells of the past is so.
func TestDozen(t *testing.T) {
	d := deploy(t, twelve()...)
	d.say(t, "domain/site", `{"domain": "", "organisation": "Webhuis"}`)
	d.say(t, "dns/a", `{"domain": "a.example", "nameservers": ["192.0.2.1"]}`)
	d.say(t, "dns/b", `{"domain": "b.example", "nameservers": ["192.0.2.2"]}`)
	d.say(t, "role/web", `{"domain": "", "role": "web", "site": {"tier": "front"}}`)
	d.say(t, "role/db", `{"domain": "", "role": "db", "site": {"tier": "back"}}`)
	d.say(t, "role/db_b", `{"domain": "b.example", "role": "db", "site": {"tier": "back-b"}}`)
	d.hubFile(t, "site-hub/views/admins.yaml", fmt.Sprintf(admins, d.nodes[0].digest))
	d.hubFile(t, "site-hub/views/neighbours.yaml", neighbours)
	d.hubRun(t)
	if !awaitText(d.state+"/cf-messaged.log", "msg=ready") {
		t.Fatalf("the hub's agent has started no listener:\n%s", read(t, d.state+"/cf-messaged.log"))
	}
	if out := d.hubRun(t); strings.Count(out, "stored ") != 6 {
		t.Fatalf("the site data is not put:\n%s", out)
	}
	tiers := map[string]string{"web": "front", "db": "back", "db b.example": "back-b"}
	servers := map[string]string{"a.example": "192.0.2.1", "b.example": "192.0.2.2"}

	// The first run: each has its own view, also the two that claim one name.
	d.nodes[11].fqhost = d.nodes[10].name + ".b.example"
	d.round(t, "r1", d.nodes, func(m *member, out string) error { return m.served(out, tiers, servers) })
	d.claimedTwice(t, d.nodes[10], d.nodes[11])
	then := time.Now()

	// A node has another role, and the hub says otherwise of a role and a domain:
	// the next run has it, and nothing else changes.
	d.nodes[11].fqhost, d.nodes[0].role = "", "db"
	tiers["db b.example"], servers["b.example"] = "back-c", "192.0.2.3"
	d.say(t, "role/db_b", `{"domain": "b.example", "role": "db", "site": {"tier": "back-c"}}`)
	d.say(t, "dns/b", `{"domain": "b.example", "nameservers": ["192.0.2.3"]}`)
	if out := d.hubRun(t); strings.Count(out, "stored ") != 2 {
		t.Errorf("of two that changed, put says:\n%s", out)
	}
	await(t, "later second, in which envelopes say that they are sealed", func() bool { return time.Now().Unix() > then.Unix() })
	d.round(t, "r2", d.nodes, func(m *member, out string) error {
		changed := strings.Contains(out, "resolv.conf")
		if changed != (m.domain == "b.example") {
			return fmt.Errorf("resolv.conf changed: %t", changed)
		}
		return m.served(out, tiers, servers)
	})
	if claims := d.claims(t); len(claims) > 0 {
		t.Errorf("a claim that was given up is still shown: %+v", claims)
	}
	d.asOf(t, then)

	d.killedAmong(t, tiers, servers)

	// Its agent brings the hub back, and all converge.
	log := len(read(t, d.state+"/cf-messaged.log"))
	d.hubRun(t)
	await(t, "listener again", func() bool { return strings.Contains(read(t, d.state+"/cf-messaged.log")[log:], "msg=ready") })
	d.nodes[1].role = "web"
	d.round(t, "r3", d.nodes[:11], func(m *member, out string) error { return m.well(out, tiers, servers) })
	d.round(t, "r4", d.nodes[11:], func(m *member, out string) error { return m.served(out, tiers, servers) })
	d.nothingLost(t)
	d.onlyTheirOwn(t)
	d.sameAgain(t)
}

// admins and neighbours are views of the site's: for one host, and for whoever
// names a domain.
const (
	admins = `for: [%s]
containers:
  hosts: {sql: "SELECT uqhost FROM host ORDER BY uqhost"}
`
	neighbours = `for: trusted
parameters: [domain]
containers:
  hosts: {sql: "SELECT uqhost FROM host WHERE domain = :domain ORDER BY uqhost"}
`
)

// twelve are the nodes: six in each domain, two roles in turn.
func twelve() (nodes []*member) {
	for i := range 12 {
		m := &member{name: fmt.Sprintf("node%02d", i+1), domain: "a.example", role: "web"}
		if i >= 6 {
			m.domain = "b.example"
		}
		if i%2 == 1 {
			m.role = "db"
		}
		nodes = append(nodes, m)
	}
	return nodes
}

// say writes site data into the hub's masterfiles.
func (d *deployed) say(t *testing.T, name, content string) {
	t.Helper()
	d.hubFile(t, "site-data/"+name+".json", content+"\n")
}

// trouble is what an agent says where not all is well.
var trouble = regexp.MustCompile(`(?m)^ *(error|warning|CRITICAL):.*`)

// hubRun is a run of the hub's agent, which must go well.
func (d *deployed) hubRun(t *testing.T) string {
	t.Helper()
	out, err := d.agent(d.hub)
	if err != nil || trouble.MatchString(out) {
		t.Fatalf("the hub's agent: %v\n%s", err, out)
	}
	return out
}

// round runs the agents of some nodes, a few at a time. What each has to tell of
// itself is its rack.
func (d *deployed) round(t *testing.T, rack string, nodes []*member, check func(*member, string) error) {
	t.Helper()
	var all sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for _, m := range nodes {
		m.rack, m.timeout = rack, 10
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			d.try(t, m, check)
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func (d *deployed) try(t *testing.T, m *member, check func(*member, string) error) {
	out, err := d.run(m)
	m.said = append(m.said, out)
	if err == nil {
		err = check(m, out)
	}
	if err != nil {
		t.Errorf("%s in %s: %v\n%s", m.name, m.rack, err, out)
	}
}

// served checks a run in which the hub is there and hears what it did not know:
// that and the question for the view are sent, once each, and all is well.
func (m *member) served(out string, tiers, servers map[string]string) error {
	if strings.Count(out, "info: Message host sent") != 1 || strings.Count(out, "info: Message host_context sent") != 1 {
		return errors.New("the host and its question are not sent once each")
	}
	return m.well(out, tiers, servers)
}

// well checks that the view came in this run and is the node's own, and that its
// files are by it.
func (m *member) well(out string, tiers, servers map[string]string) error {
	tier, special := tiers[m.role+" "+m.domain]
	if !special {
		tier = tiers[m.role]
	}
	told := fmt.Sprintf("R: told %s Webhuis %s %s\n", m.name, tier, m.rack)
	switch {
	case trouble.MatchString(out):
		return errors.New(trouble.FindString(out))
	case !strings.Contains(out, told):
		return fmt.Errorf("want %q", told)
	}
	return m.resolves(servers)
}

// resolves checks the file that is by the view.
func (m *member) resolves(servers map[string]string) error {
	resolv, err := os.ReadFile(m.root + "/etc/resolv.conf")
	if err == nil && string(resolv) != "nameserver "+servers[m.domain]+"\n" {
		err = fmt.Errorf("resolv.conf is %q", resolv)
	}
	return err
}

// await looks again and again until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}
