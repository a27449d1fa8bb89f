package zmq

import (
	"errors"
	"fmt"

	"github.com/pebbe/zmq4"
)

// z85Key is the length of a CURVE key as Z85 text (ZeroMQ RFC 32): 32 bytes.
const z85Key = 40

// NewCurveSecret makes the secret half of a CURVE key pair, as 40 characters of Z85 text.
func NewCurveSecret() (string, error) {
	_, secret, err := zmq4.NewCurveKeypair()
	if err != nil {
		return "", fmt.Errorf("make a CURVE key pair: %w (libzmq without CURVE?)", err)
	}
	return secret, nil
}

// CurvePublic gives the public half that belongs to a secret one, both as 40 characters of Z85 text.
func CurvePublic(secret string) (string, error) {
	if len(secret) != z85Key { // zmq4's Z85 functions panic on other lengths
		return "", errors.New("a CURVE key is 40 characters of Z85 text")
	}
	public, err := zmq4.AuthCurvePublic(secret)
	if err != nil {
		return "", fmt.Errorf("no CURVE key: %w", err)
	}
	return public, nil
}
