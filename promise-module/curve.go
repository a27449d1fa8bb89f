package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/webhuis/cfengine-messages/durable"
	"github.com/webhuis/cfengine-messages/zmq"
)

// curveClient speaks CURVE with the one listener that has the secret half of a
// key, as the client of this host's own key.
type curveClient struct {
	*zmq.Client
	own string // the public half of the host's key, in hex

	turn  chan struct{} // has room for the one that binds the key
	tried bool          // in this run; guarded by turn, as is bound
	bound error         // how that went
}

// clientOf is the client for a listener that policy names by server_key; the
// plain one where it names none.
func (m *messages) clientOf(ctx context.Context, serverKey string) (*curveClient, error) {
	if serverKey == "" {
		return &curveClient{Client: m.client}, nil
	}
	server, err := readServerKey(serverKey)
	if err != nil {
		return nil, err
	}
	m.keys.Lock()
	defer m.keys.Unlock()
	if c, known := m.curved[server]; known {
		return c, nil
	}
	secret, err := ownCurve(ctx, m.work.state())
	if err != nil {
		return nil, fmt.Errorf("this host's CURVE key: %w", err)
	}
	c, err := newCurveClient(server, secret)
	if err != nil {
		return nil, err
	}
	if m.curved == nil {
		m.curved = map[string]*curveClient{}
	}
	m.curved[server] = c
	return c, nil
}

func newCurveClient(server, secret string) (*curveClient, error) {
	public, err := zmq.CurvePublic(secret)
	if err != nil {
		return nil, fmt.Errorf("this host's CURVE key: %w; remove the file, and the next run makes another", err)
	}
	c := &curveClient{turn: make(chan struct{}, 1)}
	c.own, err = zmq.CurveHex(public)
	c.Client = zmq.NewClient(zmq.ClientOptions{Curve: &zmq.CurveClient{Server: server, Secret: secret}})
	return c, err
}

// curve tells whether whoever answers has proved itself by the connection.
func (c *curveClient) curve() bool { return c.own != "" }

// closeClients gives what was handed over to the system, for that long at most.
func (m *messages) closeClients(linger time.Duration) error {
	m.keys.Lock()
	defer m.keys.Unlock()
	err := m.client.CloseWithin(linger)
	for _, c := range m.curved {
		err = errors.Join(err, c.CloseWithin(linger))
	}
	return err
}

// checkServerKey looks at a server_key as far as that goes without files, which
// policy may put there in the same run.
func checkServerKey(text string) error {
	if text == "" || filepath.IsAbs(text) || zmq.CheckCurveKey(text) == nil {
		return nil
	}
	return fmt.Errorf("expected the absolute path of the listener's curve.pub, or the 40 characters of Z85 text in it, got %q", text)
}

// readServerKey reads what names a listener's CURVE key. Z85 text may begin as a
// path does: what is there as a file is one.
func readServerKey(text string) (string, error) {
	if !filepath.IsAbs(text) {
		return text, zmq.CheckCurveKey(text)
	}
	data, err := os.ReadFile(text)
	switch {
	case err == nil:
		key := strings.TrimSpace(string(data))
		if err = zmq.CheckCurveKey(key); err != nil {
			err = fmt.Errorf("%s: %w: copy the listener's curve.pub to it", text, err)
		}
		return key, err
	case zmq.CheckCurveKey(text) == nil:
		return text, nil
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("the listener's CURVE key %s is not there: copy the hub's curve.pub to it", text)
	}
	return "", err
}

// ownCurve is the secret half of this host's CURVE key, made once: whichever of
// several agents is first makes it for all.
func ownCurve(ctx context.Context, state string) (string, error) {
	file := filepath.Join(state, "curve.key")
	secret, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var unlock func()
		if unlock, err = durable.Lock(ctx, filepath.Join(state, "curve.lock")); err != nil {
			return "", err
		}
		defer unlock()
		if secret, err = os.ReadFile(file); errors.Is(err, fs.ErrNotExist) {
			return makeCurve(file)
		}
	}
	return strings.TrimSpace(string(secret)), err
}

// shownCurve is the public half in hex, as a listener's log names it; "" where the
// host has no CURVE key yet.
func shownCurve(state string) string {
	secret, err := os.ReadFile(filepath.Join(state, "curve.key"))
	if err != nil {
		return ""
	}
	public, err := zmq.CurvePublic(strings.TrimSpace(string(secret)))
	if err != nil {
		return ""
	}
	digits, _ := zmq.CurveHex(public)
	return digits
}

func makeCurve(file string) (string, error) {
	secret, err := zmq.NewCurveSecret()
	if err != nil {
		return "", err
	}
	return secret, durable.Write(file, []byte(secret+"\n"))
}
