package message

import "github.com/webhuis/cfengine-messages/scan"

// quickHeader is parseHeader for what is ordinary; not ok leaves it to reader.
func quickHeader(b []byte) (h Header, ok bool) {
	q := quick{src: b}
	return h, q.ends(q.header(&h, scan.Space(b, 0)))
}

func (q *quick) header(h *Header, i int) int {
	if !q.at(i, '{') {
		return scan.Nowhere
	}
	i, more := q.first(i, '}')
	for more {
		name, at := q.name(i)
		if at == scan.Nowhere || !q.isNew(name, 0) {
			return scan.Nowhere
		}
		i, more = q.next(q.headerMember(h, name, at), '}')
	}
	return i
}

func (q *quick) headerMember(h *Header, name []byte, i int) int {
	switch string(name) {
	case "alg":
		return q.fill(&h.Alg, i)
	case "typ":
		return q.fill(&h.Typ, i)
	case "kid":
		return q.fill(&h.Kid, i)
	case "iat":
		return q.seconds(&h.Iat, i)
	case "exp":
		return q.seconds(&h.Exp, i)
	case "seq":
		return q.digits(&h.Seq, i)
	case "aud":
		return q.fill(&h.Aud, i)
	case "traceparent":
		return q.fill(&h.Traceparent, i)
	case "cert":
		return q.fill(&h.Cert, i)
	case "key":
		return q.fill(&h.Key, i)
	}
	return scan.Nowhere
}

func (q *quick) seconds(s *int64, i int) int {
	var n uint64
	end := q.digits(&n, i)
	*s = int64(n)
	return end
}

// digits takes a whole number of at most 15 digits, all of which are within
// wholeLimit.
func (q *quick) digits(n *uint64, i int) int {
	end, whole := scan.Number(q.src, i)
	if end == scan.Nowhere || !whole || q.src[i] == '-' || end-i > 15 {
		return scan.Nowhere
	}
	for _, c := range q.src[i:end] {
		*n = 10**n + uint64(c-'0')
	}
	return end
}
