package wire

import "io"

const (
	// DefaultMaxLine is the limit of a command line, without its CRLF, for a
	// [LineReader] made with no limit of its own. RFC 959 sets none; 4 KiB holds
	// the longest path of the systems we know together with its verb.
	DefaultMaxLine = 4096

	// idleBuffer is what a session that waits for a command costs. Most
	// commands are shorter.
	idleBuffer = 256

	// maxEmptyReads is how many reads in a row may bring nothing, as in bufio.
	maxEmptyReads = 100
)

// LineReader reads the lines of a control channel. It ends a line at LF, with
// or without CR before it, and takes out telnet commands on the way (RFC 959,
// section 4.1.3 and RFC 854). Its memory is a few hundred bytes, grows up to
// the limit while a long line arrives and shrinks again before it waits for
// the next. It is not safe for concurrent use.
type LineReader struct {
	src io.Reader
	max int
	err error // came along with data; the next fill returns it

	// buf[:n] is the line so far, telnet removed; buf[r:w] is raw input to come.
	// n < r, because an IAC held back by telnet may yet become a byte of the line.
	buf     []byte
	n, r, w int

	telnet telnetState
	given  bool // the line was handed out; the next ReadLine begins a new one
	long   bool // the line is over the limit and being swallowed
}

// NewLineReader makes a LineReader for lines of at most limit bytes, line end
// not counted. A limit of zero or less means [DefaultMaxLine].
func NewLineReader(r io.Reader, limit int) *LineReader {
	if limit <= 0 {
		limit = DefaultMaxLine
	}
	return &LineReader{src: r, max: limit}
}

// ReadLine returns the next line without its CRLF or LF. The slice is valid
// until the next call of ReadLine.
//
// A line over the limit is swallowed to its end and reported once, as
// [ErrLineTooLong]; reading then goes on. A line cut by the end of input is
// never returned: the error is io.ErrUnexpectedEOF when part of a line was
// there, else io.EOF. A line that begins as TLS does is [ErrClientHello], and
// nothing sensible follows it. Any other error of the reader is returned as it is, and
// a later call goes on where this one stopped, which matters for time-outs.
// A reader that keeps returning nothing at all gets io.ErrNoProgress.
//
// A CR that no LF follows is data, so that [ParseCommand] can refuse it.
func (l *LineReader) ReadLine() ([]byte, error) {
	if l.given {
		l.given, l.n = false, 0
	}
	for {
		for l.r < l.w {
			c := l.buf[l.r]
			l.r++
			if l.telnet != telnetData || c == telnetIAC {
				keep := l.telnet.next(c, l.n == 0)
				if keep == keepNone {
					continue
				}
				if keep == keepBoth {
					l.add(telnetIAC)
				}
			}
			if c != '\n' {
				l.add(c)
				if beginsTLS(l.buf[:l.n]) {
					return nil, ErrClientHello
				}
				continue
			}
			if l.long {
				l.long, l.n = false, 0
				return nil, ErrLineTooLong
			}
			l.given = true
			line := l.buf[:l.n:l.n]
			if l.n > 0 && line[l.n-1] == '\r' {
				line = line[:l.n-1]
			}
			return line, nil
		}
		if err := l.fill(); err != nil {
			if err == io.EOF && (l.n > 0 || l.long) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// beginsTLS reports whether a line begins as TLS does. It is called for each byte more.
// A record of TLS and of SSL 3 begins with the content type of a handshake, 22. The
// older form, which some libraries still send when told to speak every version, begins
// with a length whose highest bit is set and with the type of a ClientHello, 1 (RFC
// 5246, appendix E.2). No verb begins like either.
func beginsTLS(line []byte) bool {
	switch len(line) {
	case 1:
		return line[0] == 22
	case 3:
		return line[0]&0x80 != 0 && line[2] == 1
	}
	return false
}

// add appends one byte to the line, or starts to swallow it. The CR of the
// line's end does not count towards the limit.
func (l *LineReader) add(c byte) {
	switch {
	case l.long:
	case l.n < l.max || l.n == l.max && c == '\r':
		l.buf[l.n] = c
		l.n++
	default:
		l.long, l.n = true, 0
	}
}

// fill reads more input behind the line so far, all earlier input being used.
func (l *LineReader) fill() error {
	if err := l.err; err != nil {
		l.err = nil
		return err
	}
	l.r, l.w = l.n+1, l.n+1
	l.fit()
	for range maxEmptyReads {
		n, err := l.src.Read(l.buf[l.w:])
		if n > 0 {
			l.w += n
			l.err = err
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// fit gives buf a size for the line so far: room for one more byte at least,
// and no more than the idle size while the line is short.
func (l *LineReader) fit() {
	// Make room for the line with CR, an IAC held back and a byte to read into.
	top := l.max + 3
	size := len(l.buf)
	switch {
	case l.long && size < top:
		size = top // what is swallowed may come in fewer reads
	case l.n+2 > size:
		size = min(max(2*size, idleBuffer), top)
	case size > idleBuffer && l.n+2 <= idleBuffer && !l.long:
		size = min(idleBuffer, top)
	}
	if size != len(l.buf) {
		buf := make([]byte, size)
		copy(buf, l.buf[:l.n])
		l.buf = buf
	}
}

// Buffered returns the number of bytes read and not yet handed out in a line.
func (l *LineReader) Buffered() int {
	if l.given {
		return l.w - l.r
	}
	return l.n + l.w - l.r
}

// Shrink gives back the memory of a reader that waits for a line. It does nothing while
// a part of a line has arrived. The next read takes memory again.
func (l *LineReader) Shrink() {
	if l.Buffered() == 0 {
		l.buf, l.n, l.r, l.w, l.given = nil, 0, 0, 0, false
	}
}

// Discard drops what was read ahead. RFC 4217 is silent about bytes sent after
// AUTH in the clear; executing them would let a man in the middle inject
// commands (CVE-2011-1575). A line already returned stays valid.
func (l *LineReader) Discard() {
	l.n, l.r, l.w = 0, 0, 0
	l.telnet, l.given, l.long = telnetData, false, false
}

// Reset drops all state and goes on with r, such as the TLS connection that
// takes the place of the clear one.
func (l *LineReader) Reset(r io.Reader) {
	l.Discard()
	l.src, l.err = r, nil
}
