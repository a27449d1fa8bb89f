package zmq

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// zapRequest is what libzmq asks about a CURVE client.
func zapRequest(mechanism string, credentials ...string) [][]byte {
	frames := [][]byte{[]byte("1.0"), []byte("7"), []byte("messages"), []byte("::ffff:192.0.2.7"), nil, []byte(mechanism)}
	for _, c := range credentials {
		frames = append(frames, []byte(c))
	}
	return frames
}

func TestAnswerZAP(t *testing.T) {
	known, other := strings.Repeat("k", 32), strings.Repeat("o", 32)
	admits := func(client, address string) bool {
		return client == hex.EncodeToString([]byte(known)) && address == "192.0.2.7"
	}
	tests := []struct {
		name    string
		request [][]byte
		status  string
	}{
		{"a key that is admitted", zapRequest("CURVE", known), "200"},
		{"one that is not", zapRequest("CURVE", other), "400"},
		{"PLAIN", zapRequest("PLAIN", "user", "password"), "400"},
		{"NULL", zapRequest("NULL"), "400"},
		{"a short key", zapRequest("CURVE", known[1:]), "500"},
		{"no key", zapRequest("CURVE"), "500"},
		{"a key and more", zapRequest("CURVE", known, known), "500"},
		{"another version", append([][]byte{[]byte("2.0")}, zapRequest("CURVE", known)[1:]...), "500"},
		{"nothing", nil, "500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := answerZAP(tt.request, admits)
			if len(answer) != 6 || string(answer[0]) != "1.0" || string(answer[2]) != tt.status {
				t.Fatalf("answered %q, want the status %s", answer, tt.status)
			}
			if tt.request != nil && !bytes.Equal(answer[1], tt.request[1]) {
				t.Errorf("the id is %q", answer[1])
			}
			if admitted := tt.status == "200"; admitted != (string(answer[4]) == hex.EncodeToString([]byte(known))) || admitted != (len(answer[4]) > 0) {
				t.Errorf("the user is %q", answer[4])
			}
		})
	}
	if answer := answerZAP(zapRequest("CURVE", other), nil); string(answer[2]) != "200" {
		t.Errorf("where any key is admitted: %q", answer)
	}
}

// Whatever is asked, there is an answer of the right shape, and only a whole CURVE request that is admitted gets a user.
func FuzzAnswerZAP(f *testing.F) {
	f.Add([]byte("1.0\x001\x00messages\x00127.0.0.1\x00\x00CURVE\x00"+strings.Repeat("k", 32)), byte(0))
	f.Add([]byte("1.0\x001\x00\x00\x00\x00PLAIN\x00a\x00b"), byte(0))
	f.Add([]byte(""), byte('.'))
	f.Fuzz(func(t *testing.T, data []byte, cut byte) {
		request := bytes.Split(data, []byte{cut})
		for _, admitted := range []bool{true, false} {
			asked := ""
			answer := answerZAP(request, func(client, _ string) bool { asked = client; return admitted })
			if len(answer) != 6 || string(answer[0]) != "1.0" || len(answer[5]) != 0 {
				t.Fatalf("answered %q", answer)
			}
			let := string(answer[2]) == zapAdmitted
			if let != (admitted && len(asked) == 2*curveKey) || let != (len(answer[4]) > 0) {
				t.Fatalf("asked about %q, admitted %v, answered %q", asked, admitted, answer)
			}
			if let && (len(request) != zapFrames || string(request[5]) != "CURVE" || string(answer[4]) != hex.EncodeToString(request[6])) {
				t.Fatalf("%q was let in as %q", request, answer[4])
			}
		}
	})
}
