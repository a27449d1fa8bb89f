package hostkey

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxFile bounds a key file, in bytes. A private key of maxBits takes 6.3 KiB.
const maxFile = 16 << 10

// The PEM types that cf-key writes (cf-key-functions.c, KeepKeyPromises).
const (
	publicType  = "RSA PUBLIC KEY"
	privateType = "RSA PRIVATE KEY"
)

// wayOut says, for a PEM type that is met where another belongs, what it is
// and what turns it into the right one.
var wayOut = map[string]string{
	publicType:              "a public key stands where the private one belongs",
	privateType:             "a private key stands where a public one belongs: take it away from here",
	"PUBLIC KEY":            "convert it with `openssl rsa -pubin -RSAPublicKey_out -in OLD -out NEW`",
	"PRIVATE KEY":           "convert it with `openssl rsa -traditional -in OLD -out NEW`",
	"ENCRYPTED PRIVATE KEY": "convert it with `openssl rsa -traditional -in OLD -out NEW`",
	"OPENSSH PRIVATE KEY":   "that is a key of OpenSSH; make one with `cf-key`",
	"CERTIFICATE":           "that is a certificate; CFEngine uses the bare key",
}

// onlyBlock decodes data, which must be one PEM block of the type wanted and
// nothing else: what stands around a block is not covered by the digest, and
// a second key in a file would be one that nobody sees.
func onlyBlock(data []byte, want string) (*pem.Block, error) {
	begin := []byte("-----BEGIN ")
	if !bytes.HasPrefix(data, begin) {
		return nil, fmt.Errorf("it does not begin with -----BEGIN %s-----; it must be as cf-key writes it", want)
	}
	if n := bytes.Count(data, begin); n > 1 {
		return nil, fmt.Errorf("it holds %d PEM blocks; leave only the one that is the key", n)
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("its PEM block is damaged; copy the key again")
	}
	if block.Type != want {
		hint := wayOut[block.Type]
		if hint == "" {
			hint = "it must be as cf-key writes it"
		}
		return nil, fmt.Errorf("it is a %q, not a %q: %s", clip(block.Type), want, hint)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("something follows the PEM block; leave only the key")
	}
	return block, nil
}

// readFile returns the content of a small regular file that the user named;
// symbolic links are followed.
func readFile(path string) ([]byte, error) {
	f, err := openFile(path, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// openFile opens without waiting: a named pipe in the way must not hang us.
func openFile(path string, flags int) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
}

func readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes; no key file is", maxFile)
	}
	return data, nil
}
