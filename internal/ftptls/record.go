package ftptls

const (
	// RFC 8446, section 5.1: a header is type, version and length.
	recordHeader = 5
	maxPlaintext = 16 << 10
	// RFC 5246, section 6.2.3: what protection may add at most.
	maxRecord = recordHeader + maxPlaintext + 2048
)

// splitLast cuts off the last n records of p, a flight of whole records. It
// returns how many there were to cut, fewer than n only if p has fewer. When p
// is not made of whole records nothing is cut, so nothing is held back.
func splitLast(p []byte, n int) (head, tail []byte, cut int) {
	total, rest := 0, p
	for len(rest) > 0 {
		size := recordSize(rest)
		if size == 0 || size > len(rest) {
			return p, nil, 0
		}
		total++
		rest = rest[size:]
	}
	cut = min(max(n, 0), total)
	at := 0
	for range total - cut {
		at += recordSize(p[at:])
	}
	return p[:at], p[at:], cut
}

// recordSize returns the size of the record that p begins with, header included,
// or 0 when p is shorter than a header.
func recordSize(p []byte) int {
	if len(p) < recordHeader {
		return 0
	}
	return recordHeader + int(p[3])<<8 + int(p[4])
}

// framer follows a stream of records. Zero is the beginning of a stream.
type framer struct {
	header [recordHeader]byte
	have   int // bytes of header seen; recordHeader when in the body
	left   int // bytes of the body still to come
	last   int // the size of the record that ended last, header included
}

// take consumes p up to the end of the record in progress and returns how many
// bytes that was: all of p when the record goes on after it.
func (f *framer) take(p []byte) int {
	n := 0
	if f.have < recordHeader {
		n = copy(f.header[f.have:], p)
		f.have += n
		if f.have < recordHeader {
			return n
		}
		f.left = recordSize(f.header[:]) - recordHeader
	}
	body := min(f.left, len(p)-n)
	f.left -= body
	if f.left == 0 {
		f.have, f.last = 0, recordSize(f.header[:])
	}
	return n + body
}

// inBody reports whether the size of the record in progress is known.
func (f *framer) inBody() bool { return f.have == recordHeader }

// want returns how many bytes are certain to belong to the record in progress.
func (f *framer) want() int {
	if f.have < recordHeader {
		return recordHeader - f.have
	}
	return f.left
}

// skip consumes all of p.
func (f *framer) skip(p []byte) {
	for len(p) > 0 {
		p = p[f.take(p):]
	}
}

// whole reports whether p holds the rest of the record in progress.
func (f framer) whole(p []byte) bool {
	if f.have < recordHeader {
		n := copy(f.header[f.have:], p)
		if f.have+n < recordHeader {
			return false
		}
		return len(p)-n >= recordSize(f.header[:])-recordHeader
	}
	return len(p) >= f.left
}
