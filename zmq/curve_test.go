package zmq

import (
	"strings"
	"testing"
)

// A new secret has its public half, always the same one, and never the same twice.
func TestCurveKeys(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		secret, err := NewCurveSecret()
		if err != nil {
			t.Fatal(err)
		}
		public, err := CurvePublic(secret)
		if err != nil || len(secret) != z85Key || len(public) != z85Key {
			t.Fatalf("secret of %d characters, public %q, %v", len(secret), public, err)
		}
		if again, err := CurvePublic(secret); again != public || err != nil {
			t.Errorf("the same secret gives %q and %q, %v", public, again, err)
		}
		for _, key := range []string{secret, public} {
			if seen[key] {
				t.Errorf("%q comes twice", key)
			}
			seen[key] = true
		}
	}
}

// The pair that curve_keypair's manual page shows.
func TestCurvePublicIsKnown(t *testing.T) {
	public, err := CurvePublic("D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs")
	if err != nil || public != "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID" {
		t.Errorf("%q, %v", public, err)
	}
}

func TestCurvePublicRefuses(t *testing.T) {
	for _, secret := range []string{"", "short", strings.Repeat("a", 39), strings.Repeat("a", 41), strings.Repeat("\x01", 40), strings.Repeat("~", 40)} {
		if public, err := CurvePublic(secret); err == nil {
			t.Errorf("%q gives %q", secret, public)
		}
	}
}

func TestCurveHex(t *testing.T) {
	got, err := CurveHex("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID") // the same manual page's, in bytes
	if want := "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518"; err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	for _, text := range []string{"", "short", strings.Repeat("\x01", 40), strings.Repeat("~", 40), strings.Repeat("a", 39) + "\x00"} {
		if got, err := CurveHex(text); err == nil {
			t.Errorf("%q gives %s", text, got)
		}
	}
}
