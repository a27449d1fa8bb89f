package hostkey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// What may be decided about a key.
const (
	Approved = "approved" // it is trusted, though it is not in the folder
	Revoked  = "revoked"  // it is not, though it may be in the folder
	Bound    = "bound"    // the folder says whether it is; its names are decided
)

// Decision is what an administrator said of one key (DESIGN.md section 9: keys
// approve and revoke). It goes before what the folder says.
type Decision struct {
	Digest    Digest    `json:"digest"`
	State     string    `json:"state"`                // Approved, Revoked or Bound
	Names     []string  `json:"names,omitempty"`      // what its host may be called, see Names; none for anything
	PublicKey string    `json:"public_key,omitempty"` // in PEM; a key may be revoked before it was ever seen
	Source    string    `json:"source,omitempty"`     // where the key came from: a peer's address or a file
	FirstSeen time.Time `json:"first_seen,omitzero"`
	DecidedAt time.Time `json:"decided_at"`
}

// maxDecisions bounds the file of decisions, in bytes: some 50,000 of them.
const maxDecisions = 64 << 20

// ReadDecisions reads the file of a state folder; none where there is none. It
// refuses whatever Decide would not have written: a file that is damaged must
// not bring back what was revoked.
func ReadDecisions(file string) ([]Decision, error) {
	var all []Decision
	err := readState(file, maxDecisions, &all)
	if err == nil {
		_, err = decidedBy(all)
	}
	if err != nil {
		return nil, fmt.Errorf("the decisions about keys in %s cannot be read: %w; restore the file, or remove it and decide again", file, err)
	}
	return all, nil
}

// readState reads one JSON value, nothing where the file is not there.
func readState(file string, most int64, into any) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is larger than %d bytes", most)
	}
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows after its end")
	}
	return nil
}

// decidedBy is what the decisions come to: each is whole, and no two contradict
// each other.
func decidedBy(all []Decision) (*decided, error) {
	names, err := namesOf(all)
	if err != nil {
		return nil, err
	}
	is := &decided{all: all, names: names, keys: make(map[Digest]*PublicKey, len(all))}
	seen := make(map[Digest]bool, len(all))
	for _, d := range all {
		if seen[d.Digest] {
			return nil, fmt.Errorf("%s stands there twice", d.Digest)
		}
		seen[d.Digest] = true
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if d.State != Bound {
			is.keys[d.Digest] = key
		}
	}
	return is, nil
}

// key is nil for one that is revoked, or whose trust is not decided here.
func (d Decision) key() (*PublicKey, error) {
	if _, err := ParseDigest(string(d.Digest)); err != nil {
		return nil, err
	}
	switch {
	case d.State == Revoked, d.State == Bound && len(d.Names) > 0:
		return nil, nil
	case d.State != Approved:
		return nil, fmt.Errorf("%s is %q; expected %s, %s, or %s with names", d.Digest, clip(d.State), Approved, Revoked, Bound)
	}
	key, err := ParsePublic([]byte(d.PublicKey))
	if err == nil && key.Digest() != d.Digest {
		err = fmt.Errorf("its key is %s", key.Digest())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, err)
	}
	return key, nil
}
