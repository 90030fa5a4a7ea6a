//go:build linux

package hand

import "github.com/sallyport/sallyport/cmd/sallyport/internal/channel"

type (
	writer = channel.Writer
	reader = channel.Reader
)

// A listing comes in messages of little more than batch bytes, of
// which window may be under way.
const (
	batch  = 32 << 10
	window = 3
)

// maxPut is how long an upload may be that is one message, in bytes. A descriptor costs more than to copy so little.
const maxPut = 32 << 10

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
	opPut // an upload with its content

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

// begin begins a message.
func begin(w *writer, o op, id uint64) { w.Begin(byte(o), id) }

// parse begins to take a message apart.
func parse(b []byte) (o op, id uint64, r *reader) {
	code, id, r := channel.Parse(b)
	if o = op(code); o >= ops {
		r.Fail()
	}
	return o, id, r
}
