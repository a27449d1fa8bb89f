package hostkey_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

func TestNewPublicKeyRefuses(t *testing.T) {
	n := mustPair(t, "rsa2048").Public().RSA().N
	odd := func(bits uint) *big.Int {
		one := big.NewInt(1)
		return new(big.Int).Or(new(big.Int).Lsh(one, bits-1), one)
	}
	tooLarge := int64(1<<31 + 1)
	for what, c := range map[string]struct {
		key  *rsa.PublicKey
		want string
	}{
		"no key":           {nil, "no modulus"},
		"no modulus":       {&rsa.PublicKey{E: 65537}, "no modulus"},
		"zero":             {&rsa.PublicKey{N: new(big.Int), E: 65537}, "no modulus"},
		"negative":         {&rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, "no modulus"},
		"even":             {&rsa.PublicKey{N: new(big.Int).Sub(n, big.NewInt(1)), E: 65537}, "even"},
		"1023 bits":        {&rsa.PublicKey{N: odd(1023), E: 65537}, "1023 bits"},
		"8193 bits":        {&rsa.PublicKey{N: odd(8193), E: 65537}, "8193 bits"},
		"exponent 1":       {&rsa.PublicKey{N: n, E: 1}, "exponent is 1;"},
		"exponent 0":       {&rsa.PublicKey{N: n, E: 0}, "exponent is 0;"},
		"exponent -3":      {&rsa.PublicKey{N: n, E: -3}, "exponent is -3;"},
		"exponent 65536":   {&rsa.PublicKey{N: n, E: 65536}, "exponent is 65536;"},
		"exponent 1<<31+1": {&rsa.PublicKey{N: n, E: int(tooLarge)}, "exponent is"},
	} {
		t.Run(what, func(t *testing.T) {
			k, err := hostkey.NewPublicKey(c.key)
			wantError(t, err, c.want)
			if k != nil {
				t.Error("a key is returned beside the error")
			}
		})
	}
	for _, bits := range []uint{1024, 8192} {
		if _, err := hostkey.NewPublicKey(&rsa.PublicKey{N: odd(bits), E: 3}); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

// What the caller does to its key afterwards, or to the copy it got, changes
// nothing.
func TestPublicKeyIsACopy(t *testing.T) {
	pair := mustPair(t, "rsa2048")
	mine := pair.Public().RSA()
	k, err := hostkey.NewPublicKey(mine)
	if err != nil {
		t.Fatal(err)
	}
	mine.N.SetInt64(15)
	k.RSA().N.SetInt64(21)
	if got := hostkey.DigestOf(k.RSA()); got != pair.Digest() || k.Digest() != got {
		t.Errorf("the key became %s", got)
	}
}

func TestParsePublicRefuses(t *testing.T) {
	good := mustRead(t, "testdata/rsa2048.pub")
	block, _ := pem.Decode(good)
	spki, err := x509.MarshalPKIXPublicKey(mustPair(t, "rsa2048").Public().RSA())
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, "does not begin"},
		"another format":    {[]byte("ssh-rsa AAAAB3NzaC1yc2E me@here\n"), "does not begin"},
		"text before":       {append([]byte("host key\n"), good...), "does not begin"},
		"text behind":       {append(bytes.Clone(good), "and more"...), "follows"},
		"two keys":          {append(bytes.Clone(good), good...), "2 PEM blocks"},
		"half a file":       {good[:len(good)/2], "damaged"},
		"a damaged letter":  {bytes.Replace(good, []byte("MII"), []byte("M!I"), 1), "damaged"},
		"a private key":     {mustRead(t, "testdata/rsa1024.priv"), "take it away"},
		"SubjectPublicKey":  {encode("PUBLIC KEY", spki), "-RSAPublicKey_out"},
		"SPKI, wrong type":  {encode("RSA PUBLIC KEY", spki), "no RSA key"},
		"a certificate":     {encode("CERTIFICATE", spki), "certificate"},
		"an unknown type":   {encode("RSA PUBLIC KEYS", spki), "as cf-key writes it"},
		"bytes in the DER":  {encode("RSA PUBLIC KEY", append(bytes.Clone(block.Bytes), 0)), "no RSA key"},
		"empty block":       {encode("RSA PUBLIC KEY", nil), "no RSA key"},
		"headers":           {pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes, Headers: map[string]string{"Comment": "x"}}), "headers"},
		"too small a key":   {encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: big.NewInt(65537 * 257), E: 3})), "25 bits"},
		"negative modulus":  {encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: big.NewInt(-65537), E: 3})), "no RSA key"},
		"a large even tail": {encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3})), "even"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := hostkey.ParsePublic(c.data)
			wantError(t, err, c.want)
		})
	}
	for what, data := range map[string][]byte{
		"line ends of Windows": bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"empty lines behind":   append(bytes.Clone(good), "\n\n"...),
	} {
		if _, err := hostkey.ParsePublic(data); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What stands where a key file should: the error names it and comes at once.
func TestReadPublicRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.pub")
	_, err := hostkey.ReadPublic(path)
	wantError(t, err, path, "no such file")
	_, err = hostkey.ReadPublic(dir)
	wantError(t, err, dir, "not a regular file")

	mustWrite(t, path, bytes.Repeat([]byte("-----BEGIN "), 1<<16))
	_, err = hostkey.ReadPublic(path)
	wantError(t, err, path, "larger than")

	pipe := filepath.Join(dir, "pipe.pub")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = hostkey.ReadPublic(pipe)
	wantError(t, err, pipe, "not a regular file")
	_, err = hostkey.ReadPublic("/dev/zero")
	wantError(t, err, "/dev/zero", "not a regular file")

	_, err = hostkey.ReadPublic("testdata/README.md")
	wantError(t, err, "testdata/README.md", "does not begin")
}

func FuzzParsePublic(f *testing.F) {
	for _, name := range names {
		f.Add(mustRead(f, "testdata/"+name+".pub"))
	}
	f.Add(mustRead(f, "testdata/old35.priv"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := hostkey.ParsePublic(data)
		if err != nil {
			return
		}
		again, err := hostkey.ParsePublic(k.PEM())
		if err != nil || again.Digest() != k.Digest() {
			t.Fatalf("written again it is %v, %v", again, err)
		}
		agree(t, k, signed, make([]byte, k.RSA().Size()), "any key")
	})
}

func TestText(t *testing.T) {
	for _, name := range names {
		k := mustPair(t, name).Public()
		text := k.Text()
		again, err := hostkey.ParseText(text)
		if err != nil || again.Digest() != k.Digest() {
			t.Errorf("%s: %v", name, err)
		}
		for _, wrong := range []string{"", text + "=", text + "A", text[:len(text)-1], text[1:], strings.Repeat(text, 20), "SHA=00", text + "\n"} {
			if k, err := hostkey.ParseText(wrong); err == nil && k.Text() != wrong {
				t.Errorf("%s: %q is taken", name, wrong)
			}
		}
	}
}
