//go:build linux

package hand

import (
	"encoding/binary"
	"errors"
)

// version is that of the messages.
const version = 1

// A message is never longer than maxMessage bytes. A listing comes in messages of little more than batch bytes, of
// which window may be under way.
const (
	maxMessage = 64 << 10
	batch      = 32 << 10
	window     = 3
)

// op says what a message is: what is asked, or what is answered.
type op byte

const (
	opStat op = iota
	opList
	opOpen
	opStore
	opMkdir
	opRemove
	opRemoveDir
	opRename
	opCheckStore
	opRemoveSame
	opSetTimes
	opSetMode
	opSetGroup
	opSymlink
	opReadLink
	opSpace
	opChecksum
	opRawNames

	// Of an upload, named by the number of its opStore.
	opPrepare
	opCommit
	opClose

	// Of the call whose number the message has. They have no answer.
	opMore   // one more message of a listing may come
	opCancel // nobody waits for the answer

	// Answers, with the number of the call.
	opReply   // the last
	opEntries // of a listing

	ops // how many there are
)

// errMessage ends a socket.
var errMessage = errors.New("hand: a message that makes no sense")

// writer makes a message.
type writer []byte

func (w *writer) begin(o op, id uint64) {
	*w = append((*w)[:0], version, byte(o))
	w.uint(id)
}

func (w *writer) uint(n uint64) { *w = binary.AppendUvarint(*w, n) }
func (w *writer) int(n int64)   { *w = binary.AppendVarint(*w, n) }

func (w *writer) string(s string) {
	w.uint(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) bool(v bool) {
	var b byte
	if v {
		b = 1
	}
	*w = append(*w, b)
}

// reader takes a message apart. After a mistake in it all values are zero and err is set.
type reader struct {
	b   []byte
	err error
}

// parse begins to take a message apart.
func parse(b []byte) (o op, id uint64, r *reader) {
	r = &reader{b: b}
	v := r.byte()
	o, id = op(r.byte()), r.uint()
	if v != version || o >= ops {
		r.fail()
	}
	return o, id, r
}

func (r *reader) fail() { r.b, r.err = nil, errMessage }

// end returns the mistake, if there was one or if something is left.
func (r *reader) end() error {
	if len(r.b) > 0 {
		r.fail()
	}
	return r.err
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

func (r *reader) bool() bool { return r.byte() != 0 }

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	r.skip(size)
	return n
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	r.skip(size)
	return n
}

func (r *reader) skip(size int) {
	if size <= 0 {
		r.fail()
		return
	}
	r.b = r.b[size:]
}

func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
