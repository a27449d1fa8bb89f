package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/queue"
)

// site is who speaks in the truth that is measured: hosts with their facts and
// networks, and a hub that tells domains, roles, DNS and the like.
//
// Its envelopes have the form and the size of signed ones, and no signature that
// holds: a million private RSA operations would take a quarter of an hour. What
// is in the queue was judged before; neither the truth nor a view looks at
// signatures.
type site struct {
	hosts     []hostkey.Digest
	began     time.Time
	signature string
	said      int                // messages so far
	seq       map[counted]uint64 // of the last message
}

// counted is what a sender's numbers are of.
type counted struct {
	by     hostkey.Digest
	schema string
}

const (
	siteDomains = 400
	siteRoles   = 25
)

func newSite(hosts int) *site {
	signature := make([]byte, 256)
	_, _ = rand.Read(signature) // never fails
	s := &site{
		hosts: make([]hostkey.Digest, hosts), began: time.Now().Add(-time.Hour),
		signature: base64.RawURLEncoding.EncodeToString(signature), seq: map[counted]uint64{},
	}
	for n := range s.hosts {
		s.hosts[n] = digestOf(n)
	}
	return s
}

func digestOf(n int) hostkey.Digest {
	return hostkey.Digest(fmt.Sprintf("SHA=%x", sha256.Sum256(fmt.Append(nil, n))))
}

// says is what a host says in its n-th turn: its facts and its network, one
// after the other, with the same content each time.
func (s *site) says(n int) spoken {
	host := n / 2 % len(s.hosts)
	if n%2 == 0 {
		return spoken{s.hosts[host], "host", facts(host)}
	}
	return spoken{s.hosts[host], "network", network(host)}
}

// any is one of the hosts, saying one of both.
func (s *site) any(int) spoken { return s.says(mathrand.IntN(2 * len(s.hosts))) }

// domainOf and roleOf are the same for a host at all times: state is repeated.
func domainOf(n int) string { return fmt.Sprintf("d%d.webhuis.nl", n%siteDomains) }
func roleOf(n int) string   { return fmt.Sprintf("role%d", n%siteRoles) }

// facts are a host's, some 270 bytes.
func facts(n int) string {
	return fmt.Sprintf(`{"uqhost":"x2gvdt%06d","fqhost":"x2gvdt%06[1]d.%s","domain":"%[2]s","role":"%s",`+
		`"os":"linux","ostype":"linux_x86_64","flavor":"debian_12","arch":"x86_64","cpus":"%d","cf_version":"3.21.0","release":"6.1.0-18-amd64"}`,
		n, domainOf(n), roleOf(n), 2+n%7)
}

// network is a host's, some 270 bytes.
func network(n int) string {
	ip := fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
	return fmt.Sprintf(`{"interface":"eth0","ipv4":"%s","mac":"02:fc:00:%02x:%02x:%02x","gateway":"10.0.0.1","ip_addresses":["127.0.0.1","%[1]s"],`+
		`"interfaces":{"eth0":{"ipv4":"%[1]s","mac":"02:fc:00:%02[2]x:%02[3]x:%02[4]x","mtu":1500,"flags":["up","broadcast","running"]}}}`,
		ip, n>>16&255, n>>8&255, n&255)
}

// spoken is one thing that somebody says.
type spoken struct {
	by              hostkey.Digest
	schema, content string
}

// siteData is what the hub tells about domains and roles, and what holds for all.
func (s *site) siteData() []spoken {
	hub := digestOf(-1)
	said := []spoken{{hub, "domain", `{"domain":"","contact":"hostmaster@webhuis.nl","log_server":"log.webhuis.nl"}`}}
	for n := range siteDomains {
		domain := domainOf(n)
		said = append(said,
			spoken{hub, "domain", fmt.Sprintf(`{"domain":"%s","contact":"hostmaster@%[1]s","location":"Amsterdam, AMS4","environment":"production","mail_relay":"smtp.%[1]s"}`, domain)},
			spoken{hub, "dns", fmt.Sprintf(`{"domain":"%s","nameservers":["192.0.2.53","198.51.100.53"],"search":["%[1]s","webhuis.nl"]}`, domain)},
			spoken{hub, "timezone", fmt.Sprintf(`{"domain":"%s","timezone":"Europe/Amsterdam"}`, domain)},
			spoken{hub, "ldap", fmt.Sprintf(`{"domain":"%s","uris":["ldap://ldap.%[1]s"],"base":"dc=webhuis,dc=nl"}`, domain)})
	}
	for n := range siteRoles {
		said = append(said, spoken{hub, "role", fmt.Sprintf(`{"domain":"","role":"%s","packages":["x2goserver","xfce4"],"classes":["terminal_server"]}`, roleOf(n))})
	}
	for n := range siteDomains { // for one role of each domain, so that some hosts have it
		said = append(said, spoken{hub, "role", fmt.Sprintf(`{"domain":"%s","role":"%s","contact":"desktops@%[1]s"}`, domainOf(n), roleOf(n))})
	}
	return said
}

// message is what is said, as the listener would queue it.
func (s *site) message(what spoken) (queue.Message, error) {
	s.said++
	seq := s.seq[counted{what.by, what.schema}] + 1
	s.seq[counted{what.by, what.schema}] = seq
	c := message.Container{Schema: what.schema, MessageID: message.NewID(), Version: "1.0", Content: json.RawMessage(what.content)}
	container, err := c.Encode()
	if err != nil {
		return queue.Message{}, err
	}
	at := s.began.Add(time.Duration(s.said) * time.Millisecond)
	header := fmt.Appendf(nil, `{"alg":"PS256","typ":"cf-message","kid":"%s","iat":%d,"exp":%d,"seq":%d}`, what.by, at.Unix(), at.Unix()+3600, seq)
	frame := append(base64.RawURLEncoding.AppendEncode(nil, header), '.')
	frame = append(append(base64.RawURLEncoding.AppendEncode(frame, container), '.'), s.signature...)
	return queue.Message{
		ReceivedAt: at, Pattern: "request", Sender: string(what.by), Peer: "127.0.0.1", Schema: c.Schema, Version: c.Version,
		MessageID: c.MessageID, IssuedAt: at.Unix(), Seq: seq, Frame: frame,
	}, nil
}
