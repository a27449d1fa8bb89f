package hostkey_test

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// Keys made by cf-key itself: read, written again and named as it does.
func TestKeysOfCfKey(t *testing.T) {
	for _, bits := range []int{1024, 2048, 3072, 4096} {
		t.Run(strconv.Itoa(bits), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && bits > 2048 {
				t.Skip("takes seconds to make")
			}
			dir := ppkeys(t)
			run(t, "cf-key", "-T", strconv.Itoa(bits), "-f", filepath.Join(dir, "localhost"))
			public := filepath.Join(dir, "localhost.pub")
			pair, err := hostkey.ReadPair(dir)
			if err != nil {
				t.Fatal(err)
			}
			checkPublic(t, pair, public)
			if err := hostkey.CheckMode(filepath.Join(dir, "localhost.priv")); err != nil {
				t.Error(err)
			}
			if got, want := hostkey.CommunityDigest(pair.Public().RSA()), run(t, "cf-key", "-p", public); got != want {
				t.Errorf("CommunityDigest %s, cf-key -p says %s", got, want)
			}
		})
	}
}

// The keys in testdata, the old encrypted one among them, named as cf-key
// names them.
func TestCommunityDigest(t *testing.T) {
	for _, name := range names {
		pair := mustPair(t, name)
		checkPublic(t, pair, "testdata/"+name+".pub")
		want := run(t, "cf-key", "-p", "testdata/"+name+".pub")
		if got := hostkey.CommunityDigest(pair.Public().RSA()); got != want {
			t.Errorf("%s: CommunityDigest %s, cf-key -p says %s", name, got, want)
		}
	}
}

func checkPublic(t *testing.T, pair *hostkey.Pair, path string) {
	t.Helper()
	public, err := hostkey.ReadPublic(path)
	if err != nil {
		t.Fatal(err)
	}
	if public.Digest() != pair.Digest() {
		t.Errorf("%s is %s, the private key %s", path, public.Digest(), pair.Digest())
	}
	if file := mustRead(t, path); string(public.PEM()) != string(file) {
		t.Errorf("PEM differs from the file %s:\n%s", path, public.PEM())
	}
}

// cf-key of Community shows no SHA form, so OpenSSL tells the modulus and the
// digest is made from its description.
func TestDigest(t *testing.T) {
	for _, name := range names {
		file := "testdata/" + name + ".pub"
		out := run(t, "openssl", "rsa", "-RSAPublicKey_in", "-noout", "-modulus", "-in", file)
		exponent := map[string]string{"rsa2048e3": "03", "old35": "23"}[name]
		if exponent == "" {
			exponent = "010001"
		}
		digits := strings.TrimPrefix(out, "Modulus=")
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		bytes, err := hex.DecodeString(digits + exponent)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(bytes)
		public, err := hostkey.ReadPublic(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := public.Digest(), hostkey.Digest("SHA="+hex.EncodeToString(sum[:])); got != want {
			t.Errorf("%s: digest %s, want %s", name, got, want)
		}
	}
}

func TestParseDigest(t *testing.T) {
	good := "SHA=" + strings.Repeat("0123456789abcdef", 4)
	if d, err := hostkey.ParseDigest(good); err != nil || string(d) != good {
		t.Errorf("%s: %q, %v", good, d, err)
	}
	for _, bad := range []string{
		"", "SHA=", good[4:], good + "0", good[:len(good)-1], strings.ToUpper(good), "sha=" + good[4:],
		"MD5=" + good[4:], " " + good, good + "\n", good[:67] + "g", "SHA=" + strings.Repeat("é", 32), strings.Repeat("x", 1<<20),
	} {
		d, err := hostkey.ParseDigest(bad)
		if err == nil || d != "" {
			t.Errorf("%.80q: taken as %q", bad, d)
		} else if len(err.Error()) > 400 {
			t.Errorf("%.80q: the error has %d bytes", bad, len(err.Error()))
		}
	}
}
