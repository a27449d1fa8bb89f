package hostkey_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func pairOf(tb testing.TB, k *rsa.PrivateKey) *hostkey.Pair {
	tb.Helper()
	p, err := hostkey.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// A key that an administrator's old host has: encrypted by OpenSSL with
// CFEngine's passphrase, whichever cipher was taken.
func TestParsePrivateEncrypted(t *testing.T) {
	want := mustPair(t, "rsa1024").Digest()
	for _, cipher := range []string{"-des3", "-aes128"} {
		path := filepath.Join(t.TempDir(), "localhost.priv")
		run(t, "openssl", "rsa", "-traditional", "-in", "testdata/rsa1024.priv", cipher, "-passout", "pass:Cfengine passphrase", "-out", path)
		pair, err := hostkey.ReadPair(filepath.Dir(path))
		if err != nil {
			t.Errorf("%s: %v", cipher, err)
		} else if pair.Digest() != want {
			t.Errorf("%s: read as %s, want %s", cipher, pair.Digest(), want)
		}
	}
}

func TestParsePrivateRefuses(t *testing.T) {
	good := mustRead(t, "testdata/rsa1024.priv")
	block, _ := pem.Decode(good)
	encode := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	k := *mustPair(t, "rsa1024").RSA()
	k.E = 3 // no longer the one that belongs to D
	//lint:ignore SA1019 the form of CFEngine's old key files
	foreign, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", block.Bytes, []byte("mine"), x509.PEMCipher3DES)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":          {nil, "does not begin"},
		"the public key":   {mustRead(t, "testdata/rsa1024.pub"), "a public key stands"},
		"PKCS #8":          {encode("PRIVATE KEY", block.Bytes), "-traditional"},
		"two keys":         {append(bytes.Clone(good), good...), "2 PEM blocks"},
		"half a file":      {good[:len(good)/2], "damaged"},
		"a half that ends": {encode("RSA PRIVATE KEY", block.Bytes[:len(block.Bytes)/2]), "no RSA key"},
		"not its halves":   {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(&k)), "no RSA key"},
		"another's secret": {pem.EncodeToMemory(foreign), ""},
		"an odd DEK-Info":  {pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes, Headers: map[string]string{"DEK-Info": "ROT13"}}), "is encrypted"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := hostkey.ParsePrivate(c.data)
			wantError(t, err, c.want)
		})
	}
}

func TestReadPairMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := hostkey.ReadPair(dir)
	wantError(t, err, filepath.Join(dir, "localhost.priv"), "make one with `cf-key`")
	mustWrite(t, filepath.Join(dir, "localhost.priv"), []byte("secret"))
	_, err = hostkey.ReadPair(dir)
	wantError(t, err, filepath.Join(dir, "localhost.priv"), "does not begin")
	if bytes.Contains([]byte(err.Error()), []byte("secret")) {
		t.Errorf("the error repeats the file: %v", err)
	}
}

func TestCheckMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "localhost.priv")
	wantError(t, hostkey.CheckMode(path), path, "no such file")
	mustWrite(t, path, nil)
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o620: false, 0o644: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		err := hostkey.CheckMode(path)
		if ok && err != nil {
			t.Errorf("%04o: %v", mode, err)
		}
		if !ok {
			wantError(t, err, path, "chmod 600")
		}
	}
}

func FuzzParsePrivate(f *testing.F) {
	for _, name := range []string{"rsa1024", "old35"} {
		f.Add(mustRead(f, "testdata/"+name+".priv"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := hostkey.ParsePrivate(data)
		if err != nil {
			return
		}
		signature, err := p.SignPS256(signed)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Public().VerifyPS256(signed, signature); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkReadPair(b *testing.B) {
	dir := b.TempDir()
	mustWrite(b, filepath.Join(dir, "localhost.priv"), mustRead(b, "testdata/rsa2048.priv"))
	for b.Loop() {
		if _, err := hostkey.ReadPair(dir); err != nil {
			b.Fatal(err)
		}
	}
}
