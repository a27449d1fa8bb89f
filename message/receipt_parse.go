package message

import (
	"fmt"
	"slices"
)

// ParseReceipt reads a receipt strictly, for a view's name becomes a file's
// and a status decides whether a message may be forgotten. c comes from
// Open or OpenListener.
func ParseReceipt(c Container) (Receipt, error) {
	if c.Schema != ReceiptSchema || c.Version != ReceiptVersion && c.Version != ReceiptEpochVersion {
		return Receipt{}, fmt.Errorf("receipt: got %.64s %.16s, expected %s %s or %s", c.Schema, c.Version, ReceiptSchema, ReceiptVersion, ReceiptEpochVersion)
	}
	var receipt Receipt
	err := read(c.Content, anyDepth, func(r *reader) error {
		return r.object(func(name string) error { return receipt.member(r, name) })
	})
	if err == nil {
		err = receipt.check()
	}
	if err == nil && receipt.Epoch != "" && c.Version == ReceiptVersion {
		err = fmt.Errorf("an epoch stands in receipts of version %s", ReceiptEpochVersion)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return receipt, nil
}

// validEpoch is the schema's pattern, and nothing.
func validEpoch(s string) bool {
	return len(s) <= 64 && only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
}

func (p *Receipt) member(r *reader, name string) error {
	var text string
	var err error
	switch name {
	case "status":
		text, err = r.text()
		p.Status = Status(text)
	case "code":
		text, err = r.text()
		p.Code = Code(text)
	case "reason":
		p.Reason, err = r.text()
	case "wants":
		err = r.array(func() error {
			id, err := r.text()
			p.Wants = append(p.Wants, id)
			return err
		})
	case "view":
		p.View, err = r.view()
	case "epoch":
		p.Epoch, err = r.filled()
	case "site": // the schema's place for a site's additions
		_, err = r.value()
	default:
		err = r.fault("not a member of a receipt")
	}
	return err
}

func (r *reader) view() (*View, error) {
	v := new(View)
	err := r.object(func(name string) (err error) {
		switch name {
		case "name":
			v.Name, err = r.text()
		case "data":
			v.Data, err = r.value()
		default:
			err = r.fault("not a member of a view")
		}
		return err
	})
	return v, err
}

func (p Receipt) check() error {
	switch p.Status {
	case Stored, Duplicate:
		if p.Code != "" || p.Reason != "" {
			return fmt.Errorf("code or reason beside status %q", p.Status)
		}
	case Refused:
		if !slices.Contains(Codes, p.Code) {
			return fmt.Errorf("code %.64q is none of %q", p.Code, Codes)
		}
	default:
		return fmt.Errorf("status %.64q is none of stored, duplicate, refused", p.Status)
	}
	if err := p.checkWants(); err != nil {
		return err
	}
	if !validEpoch(p.Epoch) {
		return fmt.Errorf("epoch %.64q is none: 1 to 64 letters, digits, hyphens and underscores", p.Epoch)
	}
	return p.View.check()
}

func (p Receipt) checkWants() error {
	if len(p.Wants) > wantsLimit {
		return fmt.Errorf("wants %d schemas; the limit is %d", len(p.Wants), wantsLimit)
	}
	for i, id := range p.Wants {
		if !validName(id) || slices.Contains(p.Wants[:i], id) {
			return fmt.Errorf("wants %.64q, which is no schema id or stands there twice", id)
		}
	}
	return nil
}

func (v *View) check() error {
	switch {
	case v == nil:
		return nil
	case !validName(v.Name):
		return fmt.Errorf("view is named %.64q; a name is required, [a-z][a-z0-9_]{0,63}", v.Name)
	case len(v.Data) == 0 || v.Data[0] != '{' && v.Data[0] != '[':
		return fmt.Errorf("view %s: its data must be an object or an array", v.Name)
	}
	return nil
}
