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
)

// Decision is what an administrator said of one key (DESIGN.md section 9: keys
// approve and revoke). It goes before what the folder says.
type Decision struct {
	Digest    Digest    `json:"digest"`
	State     string    `json:"state"`                // Approved or Revoked
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
		_, err = decidedOf(all)
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

// decidedOf gives the key of each decision, nil for one that is revoked.
func decidedOf(all []Decision) (map[Digest]*PublicKey, error) {
	keys := make(map[Digest]*PublicKey, len(all))
	for _, d := range all {
		if _, twice := keys[d.Digest]; twice {
			return nil, fmt.Errorf("%s stands there twice", d.Digest)
		}
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		keys[d.Digest] = key
	}
	return keys, nil
}

func (d Decision) key() (*PublicKey, error) {
	if _, err := ParseDigest(string(d.Digest)); err != nil {
		return nil, err
	}
	if d.State == Revoked {
		return nil, nil
	}
	if d.State != Approved {
		return nil, fmt.Errorf("%s is %q; expected %s or %s", d.Digest, clip(d.State), Approved, Revoked)
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
