package schemas

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// published are the documents that nodes and listeners out there have. A line
// is added with each new version; none is ever changed or taken away (DESIGN.md
// section 8).
const published = `
curve_key/1.0 40a3e477896e1271df40336e746da3513d633df75736644d196a140eaa38ef32
dns/1.0 799a531089edeba77469be8da9614549689fba28b58dc74761c3228bacb0a861
domain/1.0 3d980fa616863b4f05608737d288339dfe58996b6d17c43e5cef10c65d209c20
host/1.0 7e9aff12ae1e539d686116ca1cbf44b36323f66913651df45e6f585aff391c1a
inventory/1.0 51d7a02446203b608caabd79cb742d8f804eb74304c2434764ec5fc6ac900fd2
ldap/1.0 30cacdf90c5af07abc38d6c2c91c2cd98f82337879f40039c4df67c99b974c8d
network/1.0 e432dd00e6e1dab256fcfc122be28819522f438333cef6126fb55d33b4343091
patches/1.0 06e8bc02b3ebe0b40da8cbdd2080c2369f1d55ed7c32611aa6066b80e2cb19a5
promise_state/1.0 1267b33712ef9f3dc3125e75882ddda9901ca05b1ae16eecb8f660df92884810
receipt/1.0 965172d9f3d5f1e7a40f1bdecdb1cfd87a407bb229d182e4077399affa006de0
receipt/1.1 b8b5be81e652a66fa7ed28e597810cb868e9f6fcdc85293fd115eb93f2aaf456
role/1.0 631e4060ca186cf32df064b0649fb9408f143c6526e99eb5654ebcde1b757716
software/1.0 68927b63e95cdc0e48a26693b08e3b6e98233c97afc294f43339a71542d59c79
timezone/1.0 5d477c613d45e9b3d2aeb672747813b66b7bf4051f2eac1b492e9fab83f3bc21
view/1.0 5a61a266a0f176b9bc7e95c71add6494bb8e61f515b71767bf1eb8b560e0f118
view_request/1.0 55e9e959824c844da7d134f209ff816065ed0f7b8b39477d4bbe831ef71f0abd
`

func TestPublishedDocumentsNeverChange(t *testing.T) {
	sums := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(published)) {
		name, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		sums[name] = sum
	}
	for _, s := range shipped(t) {
		name, sum := s.ID+"/"+s.Version, fmt.Sprintf("%x", sha256.Sum256(s.Document))
		switch was, there := sums[name]; {
		case !there:
			t.Errorf("a new version: add to published\n%s %s", name, sum)
		case was != sum:
			t.Errorf("%s has changed: publish what is new as a version of its own", name)
		}
		delete(sums, name)
	}
	for name := range sums {
		t.Errorf("%s is gone: nodes that send it would be refused", name)
	}
}
