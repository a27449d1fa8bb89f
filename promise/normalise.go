package promise

import "strconv"

// normalise makes valid JSON, in UTF-8, of a line that cf-agent sent. Agents up to
// 3.24.3 and 3.26.0 send control characters raw; those from 3.24.4 and 3.27.0 send
// every byte outside 32..126 as \u00XX, byte by byte, so that é is \u00c3\u00a9
// (JsonEncodeStringWriter in libntech, CFE-4616). Neither holds any other \u escape,
// so both come out as what stands in policy. The result is a copy.
func normalise(line []byte) []byte {
	text := make([]byte, 0, len(line))
	for len(line) > 0 {
		n := plain(line)
		text, line = append(text, line[:n]...), line[n:]
		if len(line) > 0 {
			n, text = unusual(line, text)
			line = line[n:]
		}
	}
	return text
}

// plain is the length of what line begins with that needs no attention.
func plain(line []byte) int {
	for i, c := range line {
		if c == '\\' || c < 0x20 {
			return i
		}
	}
	return len(line)
}

// unusual appends to text what the escape or control character means that line
// begins with, and returns how long it was.
func unusual(line, text []byte) (int, []byte) {
	switch {
	case line[0] < 0x20:
		const hex = "0123456789abcdef"
		return 1, append(text, '\\', 'u', '0', '0', hex[line[0]>>4], hex[line[0]&15])
	case len(line) == 1:
		return 1, append(text, line[0])
	}
	code, isCode := codeUnit(line)
	switch {
	case !isCode:
		return 2, append(text, line[:2]...)
	case code >= 0x80 && code <= 0xff:
		return 6, append(text, byte(code))
	}
	return 6, append(text, line[:6]...)
}

// codeUnit reads the \uXXXX that line may begin with.
func codeUnit(line []byte) (uint64, bool) {
	if len(line) < 6 || line[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(line[2:6]), 16, 16)
	return code, err == nil
}
