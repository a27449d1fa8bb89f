package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestReadySchemasSayWhatTheyAre: all that DESIGN.md section 8 names are there.
func TestReadySchemasSayWhatTheyAre(t *testing.T) {
	want := strings.Split(`curve_key static sender [public] request changed
dns static [domain] [] request changed
domain static [domain] [] request changed
host common sender [fqhost] request changed
inventory static sender [uuid machine_id] request changed
ldap static [domain] [] request changed
network static sender [ipv4 ipv6 mac] request changed
patches dynamic sender [] push always
promise_state state sender [] async_request always
receipt dynamic sender [] push always
receipt dynamic sender [] push always
role static [domain role] [] request changed
software static sender [] request changed
timezone static [domain] [] request changed
view dynamic [name for] [] push always
view_request dynamic sender [] request always`, "\n")
	var got []string
	for _, s := range shipped(t) {
		entity := fmt.Sprint(s.Entity.Properties)
		if s.Entity.Sender {
			entity = "sender"
		}
		d := s.Defaults()
		got = append(got, fmt.Sprintf("%s %s %s %v %s %s", s.ID, s.Kind, entity, s.Unique, d.Pattern, d.Repeat))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestColumnsHaveNamesOfTheirOwn: beside the four of every view in SQL
// (DESIGN.md section 10).
func TestColumnsHaveNamesOfTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, s *Schema) {
		for name := range properties(s.doc) {
			if slices.Contains([]string{"entity", "sender", "received_at", "content"}, name) || !validID(name) {
				t.Errorf("property %s", name)
			}
		}
	})
}

// TestSizesAreBounded: every text, array and map of a shipped schema outside
// /site has an end, but for what a view says.
func TestSizesAreBounded(t *testing.T) {
	unbounded := []string{"receipt/properties/view/properties/data", "view/properties/data"}
	each(t, func(t *testing.T, s *Schema) {
		eachSchema(s.doc, "", func(schema map[string]any, pointer string) {
			for kind, bounds := range map[string][]string{"string": {"maxLength", "pattern", "enum", "const", "format", "anyOf"}, "array": {"maxItems"}, "object": {"maxProperties", "properties"}} {
				types := append(texts(asList(schema["type"])), texts([]any{schema["type"]})...)
				bounded := slices.ContainsFunc(bounds, func(b string) bool { _, ok := schema[b]; return ok })
				if slices.Contains(types, kind) && !bounded && pointer != "/properties/site" && !slices.Contains(unbounded, s.ID+pointer) {
					t.Errorf("%s: %s without a bound", pointer, kind)
				}
			}
		})
	})
}

// TestReadyVerdicts: what policy of CFEngine 3.21.0 makes of sys and of its
// functions is accepted as it comes; want "" is accepted, else a part of the refusal.
func TestReadyVerdicts(t *testing.T) {
	for _, test := range []struct{ schema, content, want string }{
		// mergedata() over sys.interfaces, sys.hardware_mac, sys.ipv4 and sys.inet6, on a virtual machine.
		{"network", `{"interface":"eth0","ipv4":"192.0.2.2","hardware_addresses":["02:fc:00:00:00:01","9e:8b:d3:5e:e4:ce"],"ip_addresses":["127.0.0.1","192.0.2.2","fe80::fc:ff:fe00:1","fd00::2"],
			"interfaces":{"eth0":{"flags":"up broadcast running multicast","ipv4":"192.0.2.2","ipv6":"fd00:0:0:0:0:0:0:2","mac":"02:fc:00:00:00:01"}}}`, ""},
		{"network", `{"interfaces":{}}`, ""}, // no network at all
		{"network", `{"interfaces":{"eth0":{"ipv6":"$(sys.inet6[addresses][eth0][address])"}}}`, `/interfaces/eth0/ipv6: expected IPv6 address, found string "$(sys.`},
		{"network", `{"interfaces":{},"ip_addresses":["192.0.2"]}`, `/ip_addresses/0: expected IPv4 or IPv6 address, found string "192.0.2"`},
		{"network", `{"interfaces":{"eth0":{"mac":""}}}`, `/interfaces/eth0/mac: expected hardware address`},
		{"network", `{"interfaces":[]}`, `/interfaces: expected object of at most 1024 interfaces by their names, found array of 0`},
		{"network", `{"interfaces":{"eth0":{"ip":"x"}}}`, `/interfaces/eth0/ip: unknown property "ip"`},
		{"network", `{"interfaces":{"":{}}}`, `/interfaces: name of the property: does not match pattern`},
		// packagesmatching() and packageupdatesmatching().
		{"software", `{"packages":[{"arch":"amd64","method":"apt_get","name":"zsh","version":"5.9-4+b5"}]}`, ""},
		{"software", `{"packages":[]}`, ""},
		{"software", `{"packages":[{"version":"1"}]}`, `/packages/0: property "name" is missing`},
		{"software", `[]`, `expected object, found array`},
		{"patches", `{"updates":[{"arch":"default","method":"yum","name":"kernel","version":"5.14.0-362.el9"}],"pending":"1"}`, ""},
		{"patches", `{"updates":[],"reboot_required":"yes"}`, `/reboot_required: expected true or false, as boolean or as text, found string "yes"`},
		{"patches", `{"updates":[],"pending":-2147483648}`, `/pending: expected integer or string of digits, 0 to 999999`}, // 2^31, wrapped by the agent
		{"patches", `{"updates":[],"checked_at":"1769860800"}`, `/checked_at: expected time as in 2026-01-31T12:00:00Z`},
		// mapdata("json") over classesmatching().
		{"promise_state", `{"promises":[{"handle":"sshd","outcome":"kept"}],"kept":"3"}`, ""},
		{"promise_state", `{"promises":[{"handle":"sshd","outcome":"failed"}]}`, `/promises/0/outcome: expected one of "kept", "repaired", "not_kept", found string "failed"`},
		{"promise_state", `{"promises":[{"outcome":"kept"}]}`, `/promises/0: property "handle" is missing`},
		{"inventory", `{"memory_mb":"7962","attributes":{"CPU physical cores":"2","Listening ports":["22","53"],"Virtual":true}}`, ""},
		{"inventory", `{}`, ""},
		{"inventory", `{"uuid":"Not Specified"}`, `/uuid: expected UUID`},
		{"inventory", `{"attributes":{"a":{"b":"c"}}}`, `/attributes/a: expected text of at most 4096 characters, number, boolean, or array`},
		// Site data.
		{"domain", `{"domain":""}`, ""},
		{"domain", `{"organisation":"Webhuis"}`, `property "domain" is missing`},
		{"domain", `{"domain":"webhuis.nl."}`, `/domain: expected domain name`},
		{"role", `{"role":"x2gvdt"}`, `property "domain" is missing`},
		{"role", `{"domain":"","role":""}`, `/role: expected text of 1 to 128 characters`},
		{"role", `{"domain":"","role":"www","services":{"http":{"port":"65535"}}}`, ""},
		{"role", `{"domain":"","role":"www","services":{"http":{"port":"65536"}}}`, `/services/http/port: expected port`},
		{"role", `{"domain":"","role":"www","classes":["a.b"]}`, `/classes/0: expected class of`},
		{"timezone", `{"domain":"","timezone":"America/Argentina/Buenos_Aires","ntp_servers":["2.debian.pool.ntp.org","::1"]}`, ""},
		{"timezone", `{"domain":"","timezone":"../../etc/passwd"}`, `/timezone: expected name of a time zone`},
		{"timezone", `{"domain":"","timezone":"UTC","ntp_servers":["-x"]}`, `/ntp_servers/0: expected host name or IP address`},
		{"dns", `{"domain":"webhuis.nl","options":["ndots:2","edns0"],"records":[{"name":"*.www","type":"TXT","data":"\"v=spf1 -all\"","ttl":"60"}]}`, ""},
		{"dns", `{"domain":"webhuis.nl","options":["timeout: 2"]}`, `/options/0: expected option of resolv.conf`},
		{"dns", `{"domain":"webhuis.nl","records":[{"name":"www","type":"a","data":"192.0.2.1"}]}`, `/records/0/type: expected type of a record`},
		{"dns", `{"domain":"webhuis.nl","records":[{"name":"www","type":"A","data":"192.0.2.1\nevil A 192.0.2.66"}]}`, `/records/0/data: expected text of 1 to 4096 characters without control characters`},
		{"ldap", `{"domain":"","uris":["ldapi://%2Fvar%2Frun%2Fslapd.sock"],"base":"dc=nl"}`, ""},
		{"ldap", `{"domain":"","uris":[],"base":"dc=nl"}`, `/uris: expected array of 1 to 16`},
		{"ldap", `{"domain":"","uris":["http://x"],"base":"dc=nl"}`, `/uris/0: expected address such as ldaps://ldap.example.com`},
		{"ldap", `{"domain":"","uris":["ldap://x"],"base":"dc=nl","bind_password":"x"}`, `/bind_password: unknown property "bind_password"; a site's own go under /site`},
		{"view", `{"name":"../cmdb","for":"SHA=0","data":{},"made_at":"2026-11-20T12:00:00Z"}`, `/name: expected name of a view`},
		{"view", `{"name":"cmdb","for":"SHA=0","data":{},"made_at":"2026-11-20T12:00:00Z"}`, `/for: expected key digest`},
		{"view", `{"name":"cmdb","for":"SHA=0","data":"text","made_at":"2026-11-20T12:00:00Z"}`, `/data: expected object or array`},
		{"curve_key", `{"public":"` + strings.Repeat("0a", 32) + `"}`, ""},
		{"curve_key", `{"public":"` + strings.Repeat("0A", 32) + `"}`, `/public: expected CURVE public key of 64 lower-case hex digits`},
		{"view_request", `{"name":"cmdb"}`, ""},
		{"view_request", `{"name":"../cmdb"}`, `/name: expected name of a view`},
		{"view_request", `{"name":"zone","parameters":{"domain":["a"]}}`, `/parameters/domain: expected text of at most 1024 characters, number or boolean`},
		{"view_request", `{"name":"zone","parameters":{"a;b":1}}`, `name of the property: `},
	} {
		err := find(t, test.schema, "").Validate([]byte(test.content))
		if got := text(err); (test.want == "") != (err == nil) || !strings.Contains(got, test.want) {
			t.Errorf("%s %s\n got %s\nwant %s", test.schema, test.content, got, test.want)
		}
	}
}
