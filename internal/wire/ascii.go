package wire

import "bytes"

// ToCRLF makes the line ends of TYPE A out of a Unix file's: a bare LF becomes
// CRLF, a CRLF stays. RFC 959, section 3.1.1.1. The zero value is at the start
// of a file; from one block to the next it remembers whether a CR came last.
type ToCRLF struct {
	cr bool // the last byte seen was CR
}

// Append appends src, converted, to dst. The two must not overlap. It allocates
// only if dst lacks room, which twice the length of src always is.
func (a *ToCRLF) Append(dst, src []byte) []byte {
	for len(src) > 0 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			a.cr = src[len(src)-1] == '\r'
			return append(dst, src...)
		}
		if i > 0 {
			a.cr = src[i-1] == '\r'
		}
		dst = append(dst, src[:i]...)
		if !a.cr {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		a.cr = false
		src = src[i+1:]
	}
	return dst
}

// FromCRLF undoes [ToCRLF]: CRLF becomes LF. A CR alone stays, since dropping it
// would change a file that was never text. The zero value is at the start of a
// file.
type FromCRLF struct {
	cr bool // a CR is held back until the next byte is known
}

// Append appends src, converted, to dst. The two must not overlap. It allocates
// only if dst lacks room for src and one byte more.
func (a *FromCRLF) Append(dst, src []byte) []byte {
	if a.cr && len(src) > 0 {
		if src[0] != '\n' {
			dst = append(dst, '\r')
		}
		a.cr = false
	}
	for {
		i := bytes.IndexByte(src, '\r')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		if i == len(src)-1 {
			a.cr = true
			return dst
		}
		if src[i+1] != '\n' {
			dst = append(dst, '\r')
		}
		src = src[i+1:]
	}
}

// End appends a CR that was the very last byte of the file.
func (a *FromCRLF) End(dst []byte) []byte {
	if a.cr {
		a.cr = false
		dst = append(dst, '\r')
	}
	return dst
}
