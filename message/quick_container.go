package message

import "github.com/webhuis/cfengine-messages/scan"

// quickDecode is Decode for what is ordinary; not ok leaves it to reader.
func quickDecode(b []byte, depth int) (c Container, ok bool) {
	q := quick{src: b, depth: depth}
	ok = q.ends(q.container(&c, scan.Space(b, 0))) && c.check() == nil
	return c, ok
}

// container takes an object with one member, which is an object.
func (q *quick) container(c *Container, i int) int {
	if !q.at(i, '{') {
		return scan.Nowhere
	}
	i, more := q.first(i, '}')
	if !more {
		return scan.Nowhere
	}
	name, at := q.name(i)
	if at == scan.Nowhere || !q.at(at, '{') {
		return scan.Nowhere
	}
	c.Schema = string(name)
	if i, more = q.next(q.members(c, at), '}'); more {
		return scan.Nowhere
	}
	return i
}

func (q *quick) members(c *Container, i int) int {
	i, more := q.first(i, '}')
	for more {
		name, at := q.name(i)
		if at == scan.Nowhere {
			return scan.Nowhere
		}
		i, more = q.next(q.member(c, name, at), '}')
	}
	return i
}

func (q *quick) member(c *Container, name []byte, i int) int {
	switch string(name) {
	case "message_id":
		return q.fill(&c.MessageID, i)
	case "version":
		return q.fill(&c.Version, i)
	case "content":
		end := q.value(i)
		if end == scan.Nowhere || c.Content != nil {
			return scan.Nowhere
		}
		c.Content = q.src[i:end:end]
		return end
	}
	return scan.Nowhere
}
