package zmq

import (
	"testing"
	"time"
)

// python3-zmq as the client of our listener, in every pattern.
func TestPythonCurveClient(t *testing.T) {
	server := newCurveKeys(t)
	for pattern, kind := range map[string]string{"request": "REQ", "publish": "PUB", "push": "PUSH", "pair": "PAIR"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			r, got := mustReceive(t, ServerOptions{Pattern: pattern, Curve: &CurveServer{Secret: server.secret}})
			p := python(t, `
s = c.socket(getattr(zmq, a[0]))
public, secret = zmq.curve_keypair()
s.curve_publickey, s.curve_secretkey = public, secret
s.curve_serverkey = a[1].encode()
s.connect(a[2])
say(public.decode())
while a[0] == 'PUB': # it does not know when it is heard
    s.send_multipart([b'topic', b'hello'])
    time.sleep(0.02)
s.send(b'hello')
if a[0] in ('REQ', 'PAIR'): say(s.recv().decode())
s.close(); c.term()
`, kind, server.public, r.Endpoints()[0])
			client, err := CurveHex(p.line())
			if err != nil {
				t.Fatal(err)
			}
			if q := <-got; string(q.Payload) != "hello" || q.Client != client {
				t.Errorf("%q came from %q, want %q", q.Payload, q.Client, client)
			}
			if pattern == "request" || pattern == "pair" {
				if answer := p.line(); answer != "nobody reads this" {
					t.Errorf("it heard %q", answer)
				}
			}
		})
	}
}

// And as the listener of our client, with an authenticator of its own that lets in one key.
func TestPythonCurveServer(t *testing.T) {
	own := newCurveKeys(t)
	p := python(t, `
import zmq.auth, zmq.auth.thread
public, secret = zmq.curve_keypair()
class One:
    def callback(self, domain, key): return key.decode() == a[0]
auth = zmq.auth.thread.ThreadAuthenticator(c); auth.start()
auth.configure_curve_callback(domain='*', credentials_provider=One())
s = c.socket(zmq.REP)
s.curve_server, s.curve_secretkey = True, secret
say('tcp://127.0.0.1:%d' % s.bind_to_random_port('tcp://127.0.0.1'))
say(public.decode())
while True: s.send(b'yes, ' + s.recv())
`, own.public)
	endpoint, public := p.line(), p.line()
	if got := ask(t, curved(t, public, own), endpoint, "hello"); got != "yes, hello" {
		t.Errorf("got %q", got)
	}
	refused(t, curved(t, public, newCurveKeys(t)), endpoint, NotAdmitted, 2*time.Second)
	refused(t, curved(t, newCurveKeys(t).public, own), endpoint, Handshake, 2*time.Second)
	refused(t, newClient(t, ClientOptions{}), endpoint, Handshake, 2*time.Second)
}
