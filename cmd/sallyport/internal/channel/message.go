package channel

import (
	"encoding/binary"
	"errors"
)

// Version is the version of the format of messages, and of what the messages of all parts of a server say.
const Version = 2

// MaxMessage bounds a message, in bytes.
const MaxMessage = 64 << 10

// ErrMessage reports a message that makes no sense. It ends the socket.
var ErrMessage = errors.New("channel: a message that makes no sense")

// Writer writes the content of a message.
type Writer []byte

// Begin begins a message with its operation and the number of the call.
func (w *Writer) Begin(op byte, id uint64) {
	*w = append((*w)[:0], Version, op)
	w.Uint(id)
}

// Uint, Int, String and Bool each write a value.
func (w *Writer) Uint(n uint64) { *w = binary.AppendUvarint(*w, n) }

func (w *Writer) Int(n int64) { *w = binary.AppendVarint(*w, n) }

func (w *Writer) String(s string) {
	w.Uint(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *Writer) Bool(v bool) {
	var b byte
	if v {
		b = 1
	}
	*w = append(*w, b)
}

// Reader reads the content of a message. After a mistake in the message all further values
// are zero.
type Reader struct {
	b   []byte
	err error
}

// Parse reads the beginning of a message. The Reader notes a mistake.
func Parse(b []byte) (op byte, id uint64, r *Reader) {
	r = &Reader{b: b}
	v := r.byte()
	op, id = r.byte(), r.Uint()
	if v != Version {
		r.Fail()
	}
	return op, id, r
}

// Keep has the Reader read from a copy of the message, so that the message's bytes may be
// overwritten.
func (r *Reader) Keep() { r.b = append([]byte(nil), r.b...) }

// Fail notes that the message makes no sense.
func (r *Reader) Fail() { r.b, r.err = nil, ErrMessage }

// Mistake returns ErrMessage if what was read so far made no sense, else nil.
func (r *Reader) Mistake() error { return r.err }

// End returns ErrMessage if there was a mistake or if part of the message was not read, else
// nil.
func (r *Reader) End() error {
	if len(r.b) > 0 {
		r.Fail()
	}
	return r.err
}

func (r *Reader) byte() byte {
	if len(r.b) == 0 {
		r.Fail()
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

// Bool, Uint, Int and String each read a value that the method of Writer of the same name
// has written.
func (r *Reader) Bool() bool { return r.byte() != 0 }

func (r *Reader) Uint() uint64 {
	n, size := binary.Uvarint(r.b)
	r.skip(size)
	return n
}

func (r *Reader) Int() int64 {
	n, size := binary.Varint(r.b)
	r.skip(size)
	return n
}

func (r *Reader) skip(size int) {
	if size <= 0 {
		r.Fail()
		return
	}
	r.b = r.b[size:]
}

func (r *Reader) String() string {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.Fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
