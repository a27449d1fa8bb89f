package message

import (
	"errors"
	"fmt"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
)

// ViewSchema and ViewVersion name the container of a published view.
const (
	ViewSchema  = "view"
	ViewVersion = "1.0"
)

// Publication is a view as a listener publishes it to one host (DESIGN.md
// section 11).
type Publication struct {
	View
	For    hostkey.Digest // the host
	MadeAt time.Time      // when the truth was asked; kept to the second, in UTC
}

// Topic is what the publication goes out under: <view>.<digest>, in which the
// dot is the only one. None is the beginning of another.
func (p Publication) Topic() string { return p.Name + "." + string(p.For) }

// Container wraps the publication, under an id of its own. Encode finds what is
// wrong with the data.
func (p Publication) Container() Container {
	content := appendMember(nil, `{"name":`, p.Name)
	content = appendMember(content, `,"for":`, string(p.For))
	content = append(content, `,"data":`...)
	content = append(content, p.Data...)
	content = appendMember(content, `,"made_at":`, p.MadeAt.UTC().Format(time.RFC3339))
	return Container{Schema: ViewSchema, MessageID: NewID(), Version: ViewVersion, Content: append(content, '}')}
}

// ParsePublication reads a publication strictly, for a view's name becomes a
// file's. c comes from OpenListener or OpenAny.
func ParsePublication(c Container) (Publication, error) {
	if c.Schema != ViewSchema || c.Version != ViewVersion {
		return Publication{}, fmt.Errorf("got %.64s %.16s, expected %s %s", c.Schema, c.Version, ViewSchema, ViewVersion)
	}
	var p Publication
	err := read(c.Content, anyDepth, func(r *reader) error {
		return r.object(func(name string) error { return p.member(r, name) })
	})
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Publication{}, fmt.Errorf("view: %w", err)
	}
	return p, nil
}

func (p *Publication) member(r *reader, name string) error {
	var text string
	var err error
	switch name {
	case "name":
		p.Name, err = r.text()
	case "for":
		text, err = r.text()
		p.For = hostkey.Digest(text)
	case "data":
		p.Data, err = r.value()
	case "made_at":
		if text, err = r.text(); err == nil {
			p.MadeAt, err = time.Parse(time.RFC3339, text)
		}
	case "site": // the schema's place for a site's additions
		_, err = r.value()
	default:
		err = r.fault("not a member of a published view")
	}
	return err
}

func (p *Publication) check() error {
	if _, err := hostkey.ParseDigest(string(p.For)); err != nil {
		return fmt.Errorf("for: %w", err)
	}
	if p.MadeAt.IsZero() {
		return errors.New("made_at is missing")
	}
	return p.View.check()
}
