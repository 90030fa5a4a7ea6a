package ftptls

import (
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
)

// inbound is the reading half of the transport under crypto/tls.
type inbound struct {
	conn net.Conn
	// ahead allows to read more than crypto/tls asked for: on data
	// connections, once the handshake is over.
	ahead atomic.Bool
	// exact forbids to take a byte of the record after the one in progress;
	// crypto/tls by itself takes what there is.
	exact atomic.Bool
	// eof is set when crypto/tls was told of the end of the stream: then no
	// close_notify came, or crypto/tls would not have asked.
	eof    atomic.Bool
	some   atomic.Bool // whether anything ever came
	closed atomic.Bool
	// dry makes read fail with errDry rather than wait, unless waits, if not nil,
	// says that there is input. Only the reading goroutine touches them.
	dry             bool
	waits           func() bool
	attended, ended bool // by Attend: it was called, and has seen the end

	mu sync.Mutex // guards what follows; held while reading from conn
	// hello is what came so far, on a data connection until its ClientHello was
	// looked at; nil when it is not kept.
	hello []byte
	f     framer
	bulk  bool // bytes come faster than small reads take them
	buf   *[bufferSize]byte
	r, w  int // unread bytes of buf
	err   error
}

// errDry is temporary in the sense of net.Error, so that crypto/tls does not
// keep it.
var errDry net.Error = dryError{}

type dryError struct{}

func (dryError) Error() string   { return "no whole record has been read ahead" }
func (dryError) Timeout() bool   { return false }
func (dryError) Temporary() bool { return true }

// read gives bytes to crypto/tls: from the socket directly, or one record at a
// time out of a buffer, so that crypto/tls never has to move a remainder.
func (i *inbound) read(p []byte) (int, error) {
	i.mu.Lock()
	defer i.unlock()
	if i.r == i.w {
		if i.dry && (i.waits == nil || !i.waits()) {
			return 0, errDry
		}
		if i.err != nil {
			return 0, i.failed(i.err)
		}
		if !i.bulk || !i.ahead.Load() || !i.roomAhead() {
			return i.direct(p)
		}
		if err := i.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, i.buf[i.r:i.w])
	n = i.f.take(p[:n])
	i.r += n
	if i.r == i.w {
		// Give the buffer back while crypto/tls decrypts and the caller stores: other
		// connections can use it.
		i.drop()
	}
	return n, nil
}

// direct reads into crypto/tls's own memory. A connection that trickles never
// occupies a buffer.
func (i *inbound) direct(p []byte) (int, error) {
	p = p[:min(len(p), i.limit())]
	n, err := i.conn.Read(p)
	if n > 0 {
		i.some.Store(true)
		i.f.skip(p[:n])
		if i.hello != nil {
			i.hello = append(i.hello, p[:n]...)
		}
		i.bulk = n == len(p) && i.ahead.Load()
		if err != nil {
			i.err, err = err, nil
		}
	}
	if err != nil {
		return n, i.failed(err)
	}
	return n, nil
}

// limit returns how many bytes direct may give at once. crypto/tls keeps a remainder of
// the record after the one in progress by making its memory three times as large,
// which a thousand uploads that stall would hold. So crypto/tls gets no more than a
// record where the size is known, and otherwise no more than completes a record
// like the last.
func (i *inbound) limit() int {
	switch {
	case i.exact.Load() || i.ahead.Load() && i.f.inBody():
		return i.f.want()
	case i.ahead.Load() && i.f.last > 0:
		return i.f.last - i.f.have
	}
	return math.MaxInt
}

// clientHello hands over the body of the ClientHello that was kept.
func (i *inbound) clientHello() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	body, _ := clientHello(i.hello)
	i.hello = nil
	return body
}

// inputter is a connection that can wait until there is something to read.
type inputter interface{ AwaitInput() }

// roomAhead gets a buffer to read ahead into. Where the connection below can wait for
// input, roomAhead does so first: a client that pauses holds no buffer. It reports
// false when all buffers are in use.
func (i *inbound) roomAhead() bool {
	if conn, ok := i.conn.(inputter); ok && i.buf == nil {
		conn.AwaitInput()
	}
	if i.buf == nil {
		i.buf = takeBuffer()
	}
	return i.buf != nil
}

// fill reads as much as there is, up to a buffer full.
func (i *inbound) fill() error {
	n, err := i.conn.Read(i.buf[:gatherSize])
	i.r, i.w = 0, n
	i.bulk = n >= maxPlaintext
	if n > 0 {
		i.err = err
		return nil
	}
	i.drop()
	if err == nil {
		return io.ErrNoProgress
	}
	return i.failed(err)
}

func (i *inbound) failed(err error) error {
	if err == io.EOF {
		i.eof.Store(true)
	}
	return err
}

// buffered reports whether a whole record can be had without the socket.
func (i *inbound) buffered() bool {
	i.mu.Lock()
	defer i.unlock()
	return i.r < i.w && i.f.whole(i.buf[i.r:i.w])
}

// waiting reports whether bytes have been read ahead.
func (i *inbound) waiting() bool {
	i.mu.Lock()
	defer i.unlock()
	return i.r < i.w
}

func (i *inbound) drop() {
	i.r, i.w = 0, 0
	if i.buf != nil {
		returnBuffer(i.buf)
		i.buf = nil
	}
}

// unlock and close share the cleaning as in outbound.
func (i *inbound) unlock() {
	i.mu.Unlock()
	if i.closed.Load() {
		i.clean()
	}
}

func (i *inbound) close() {
	i.closed.Store(true)
	i.clean()
}

func (i *inbound) clean() {
	if i.mu.TryLock() {
		if i.err == nil {
			i.err = net.ErrClosed
		}
		i.drop()
		i.mu.Unlock()
	}
}
