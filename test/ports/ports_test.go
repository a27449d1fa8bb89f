package ports

import (
	"net"
	"testing"
)

// Nobody gets the same port, whoever asks meanwhile, and it can be listened on.
func TestFree(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		port := Free(t)
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil || seen[port] {
			t.Fatalf("port %s: %v, given before: %v", port, err, seen[port])
		}
		l.Close()
		seen[port] = true
	}
}
