//go:build linux

package channel

import (
	"encoding/binary"
	"errors"
)

// version is that of the messages.
const version = 1

// MaxMessage is how long a message may be, in bytes.
const MaxMessage = 64 << 10

// ErrMessage ends a socket: a message that makes no sense.
var ErrMessage = errors.New("channel: a message that makes no sense")

// Writer makes a message.
type Writer []byte

// Begin begins a message that says what it is, and has a number.
func (w *Writer) Begin(op byte, id uint64) {
	*w = append((*w)[:0], version, op)
	w.Uint(id)
}

// Uint, Int, String and Bool write a value each.
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

// Reader takes a message apart. After a mistake in it all values are zero.
type Reader struct {
	b   []byte
	err error
}

// Parse begins to take a message apart. A mistake is in the Reader.
func Parse(b []byte) (op byte, id uint64, r *Reader) {
	r = &Reader{b: b}
	v := r.byte()
	op, id = r.byte(), r.Uint()
	if v != version {
		r.Fail()
	}
	return op, id, r
}

// Keep has the Reader go on with a copy of the message, whose bytes may then be overwritten.
func (r *Reader) Keep() { r.b = append([]byte(nil), r.b...) }

// Fail notes that the message makes no sense.
func (r *Reader) Fail() { r.b, r.err = nil, ErrMessage }

// Mistake returns ErrMessage if the message made no sense so far.
func (r *Reader) Mistake() error { return r.err }

// End returns the mistake, if there was one or if something is left.
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

// Bool, Uint, Int and String read what Writer has written.
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
