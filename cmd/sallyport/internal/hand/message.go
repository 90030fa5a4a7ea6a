package hand

import "github.com/sallyport/sallyport/cmd/sallyport/internal/channel"

type (
	writer = channel.Writer
	reader = channel.Reader
)

// A listing comes in messages of little more than batch bytes, window of which may be under way.
const (
	batch  = 32 << 10
	window = 3
)

// maxPut bounds an upload that goes in one message, in bytes. To pass a descriptor would cost more than to copy so
// little.
const maxPut = 32 << 10

// maxPiece bounds the bytes of a file that a message has, where no descriptor can be passed.
const maxPiece = 48 << 10

// op is the kind of a message: a question or an answer.
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
	opPut // a whole upload with its content

	// Questions about an upload, which they name by the number of its opStore.
	opPrepare
	opCommit
	opClose
	opWrite // bytes of an upload that has no file

	// Questions about a file that is read in messages, which they name by the number of its opOpen.
	opRead
	opEnd

	// Messages about an earlier call, whose number they have. They have no answer.
	opMore   // the hand may send one more message of a listing
	opCancel // nobody waits for the answer any more

	// Answers, with the number of the call.
	opReply   // the last answer to the call
	opEntries // entries of a listing, of which more may follow

	ops // how many there are
)

// begin begins a message.
func begin(w *writer, o op, id uint64) { w.Begin(byte(o), id) }

// parse reads the beginning of a message.
func parse(b []byte) (o op, id uint64, r *reader) {
	code, id, r := channel.Parse(b)
	if o = op(code); o >= ops {
		r.Fail()
	}
	return o, id, r
}
