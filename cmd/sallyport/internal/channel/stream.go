package channel

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// Stream carries messages over two streams of bytes, such as the standard input and output of a process, on every
// system. The length of each message, of 4 bytes, goes before it. Send is safe for concurrent use.
type Stream struct {
	// Patience bounds how long it may take to send a message, after which the Stream is closed; 0 sets no bound.
	Patience time.Duration

	r     io.Reader
	w     io.Writer
	close func() error

	sending sync.Mutex
	buf     []byte // what Send writes at once; guarded by sending
}

// NewStream returns a Stream that receives from r and sends to w. close ends both, and the calls that wait for them.
func NewStream(r io.Reader, w io.Writer, close func() error) *Stream {
	return &Stream{r: r, w: w, close: sync.OnceValue(close)}
}

// Close ends the streams. Further calls of Close do nothing.
func (s *Stream) Close() error { return s.close() }

// lengthSize is the size of the length before a message.
const lengthSize = 4

// Send sends a message. A file can't be sent.
func (s *Stream) Send(b []byte, f *os.File) error {
	if f != nil {
		return errors.ErrUnsupported
	}
	if len(b) > MaxMessage {
		return ErrMessage
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.Patience > 0 {
		defer time.AfterFunc(s.Patience, func() { s.close() }).Stop()
	}
	s.buf = binary.BigEndian.AppendUint32(s.buf[:0], uint32(len(b)))
	s.buf = append(s.buf, b...)
	_, err := s.w.Write(s.buf)
	return err
}

// Receive reads one message into buf, which has room for MaxMessage bytes. There is never a file. The error is io.EOF
// after the other end was closed between two messages.
func (s *Stream) Receive(buf []byte) (b []byte, f *os.File, err error) {
	var length [lengthSize]byte
	if _, err := io.ReadFull(s.r, length[:]); err != nil {
		return nil, nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > MaxMessage {
		return nil, nil, ErrMessage
	}
	_, err = io.ReadFull(s.r, buf[:n])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return buf[:n], nil, err
}
