package hand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// maxCalls bounds the calls under way at once, and the uploads. Further ones are refused.
const maxCalls = 4096

// ServeOver answers the questions at one end of a connection with the files of each root. It takes the end over. When
// the other end is closed, ServeOver discards the uploads that are not committed and returns nil.
func ServeOver(s Conn, roots ...driver.FS) error {
	h := &server{s: s, roots: roots, calls: map[uint64]*job{}, uploads: map[uint64]*stored{}, streams: map[uint64]*stream{}}
	h.quiet.disturb()
	err := h.receive()
	s.Close()
	h.end()
	for _, usual := range []error{io.EOF, syscall.ECONNRESET, os.ErrClosed} { // the latter two after an unread or unsent answer
		if errors.Is(err, usual) {
			return nil
		}
	}
	return err
}

// server is the hand's end of the socket.
type server struct {
	s     Conn
	roots []driver.FS
	busy  sync.WaitGroup // counts the calls under way

	quiet   quiet
	mu      sync.Mutex
	calls   map[uint64]*job
	uploads map[uint64]*stored
	streams map[uint64]*stream
}

// isAtomic reports whether nothing of an upload is there before Commit. It doesn't matter then when Store is called.
func isAtomic(files driver.FS) bool {
	dir, ok := files.(*driver.Dir)
	return ok && dir.Uploads == driver.Atomic
}

// job is a call under way.
type job struct {
	id     uint64
	files  driver.FS // the root that the call is about
	ctx    context.Context
	cancel context.CancelFunc
	more   chan struct{} // has a token for each message of a listing that may be sent; nil for other calls
	kept   bool          // ctx outlives the answer
	*reader
}

// receive handles messages until the socket ends. The goroutine that has received a message handles it at once, and
// another goroutine waits for the next message: so no thread has to be woken in between. The wait occupies the one
// processor of a hand until Go notices. So what a message makes ready to run, such as a listing that may go on, has to
// become ready after the goroutine that waits next, for Go to run it first.
func (h *server) receive() error {
	ended := make(chan error, 1)
	buf := make([]byte, channel.MaxMessage)
	var next func()
	next = func() {
		do, err := h.next(buf)
		if err != nil {
			ended <- err
			return
		}
		go next()
		do()
	}
	go next()
	return <-ended
}

// next receives a message into buf and returns the function that handles it. The function no longer needs buf.
func (h *server) next(buf []byte) (do func(), err error) {
	b, f, err := h.s.Receive(buf)
	if err != nil {
		return nil, err
	}
	h.quiet.disturb()
	o, id, r := parse(b)
	if f != nil {
		f.Close()
		r.Fail()
	}
	switch {
	case r.Mistake() != nil || o > opCancel:
		return nil, channel.ErrMessage
	case o == opMore || o == opCancel:
		return func() { h.tell(o, id) }, nil
	}
	r.Keep()
	return h.begin(o, id, r)
}

// tell tells a call that it may send more, or that neither the call nor what it has begun, an upload or a stream, is
// needed any more. Both may be over already.
func (h *server) tell(o op, id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j, u, s := h.calls[id], h.uploads[id], h.streams[id]
	switch {
	case o == opCancel && j != nil:
		j.cancel()
	case o == opCancel && u != nil:
		u.cancel()
	case o == opCancel && s != nil:
		s.cancel()
	case o == opMore && j != nil:
		select {
		case j.more <- struct{}{}:
		default:
		}
	}
}

// begin notes a call and returns the function that answers it.
func (h *server) begin(o op, id uint64, r *reader) (do func(), err error) {
	j := &job{id: id, reader: r}
	root := r.Uint()
	if root >= uint64(len(h.roots)) || r.Mistake() != nil {
		return nil, channel.ErrMessage
	}
	j.files = h.roots[root]
	if o == opList {
		j.more = make(chan struct{}, window)
		for range window {
			j.more <- struct{}{}
		}
	}
	h.mu.Lock()
	_, known := h.calls[id]
	full := len(h.calls) >= maxCalls
	if !known && !full {
		j.ctx, j.cancel = context.WithCancel(context.Background())
		h.calls[id] = j
	}
	h.mu.Unlock()
	switch {
	case known:
		return nil, channel.ErrMessage
	case full:
		return func() {
			h.answer(id, func(w *writer) *os.File { w.Failure(driver.ErrBusy); return nil })
		}, nil
	}
	h.busy.Add(1)
	return func() {
		defer h.busy.Done()
		h.do(o, j)
		if !j.kept {
			j.cancel()
		}
		h.mu.Lock()
		delete(h.calls, id)
		h.mu.Unlock()
	}, nil
}

// end cancels all calls, waits for them, and discards the uploads and streams that are left.
func (h *server) end() {
	h.mu.Lock()
	for _, j := range h.calls {
		j.cancel()
	}
	for _, s := range h.streams {
		s.cancel()
	}
	h.mu.Unlock()
	h.busy.Wait()
	for _, s := range h.streams {
		s.Close()
	}
	for _, u := range h.uploads {
		u.Close(errEnded)
		u.cancel()
	}
}

var errEnded = errors.New("hand: the server has ended")

// do answers a call.
func (h *server) do(o op, j *job) {
	if o == opList {
		h.list(j)
		return
	}
	handle := handlers[o]
	if handle == nil {
		h.s.Close()
		return
	}
	h.answer(j.id, func(w *writer) (f *os.File) {
		w.Failure(nil)
		err := rescued(func() (err error) {
			f, err = handle(h, j, w)
			return err
		})
		if err == nil {
			err = j.End()
		}
		if err != nil {
			begin(w, opReply, j.id)
			w.Failure(err)
		}
		return f
	})
}

// rescued calls code that is not the hand's own, and turns a panic into the error of one call.
func rescued(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("hand: panic: %v", p)
		}
	}()
	return call()
}

// answer sends the last answer to a call, with the file that build returns unless nil. It closes the file.
func (h *server) answer(id uint64, build func(w *writer) *os.File) error {
	m := writers.Get().(*writer)
	defer writers.Put(m)
	begin(m, opReply, id)
	f := build(m)
	if f != nil {
		defer f.Close()
	}
	err := h.s.Send(*m, f)
	if err != nil {
		h.s.Close()
	}
	return err
}

// handlers holds the functions for calls with one answer. Each reads the question and writes the answer; the file that
// it returns is sent with the answer and closed.
var handlers = [ops]func(h *server, j *job, w *writer) (*os.File, error){
	opMkdir:     func(h *server, j *job, _ *writer) (*os.File, error) { return nil, j.files.Mkdir(j.ctx, j.String()) },
	opRemove:    func(h *server, j *job, _ *writer) (*os.File, error) { return nil, j.files.Remove(j.ctx, j.String()) },
	opRemoveDir: func(h *server, j *job, _ *writer) (*os.File, error) { return nil, j.files.RemoveDir(j.ctx, j.String()) },
	opRename: func(h *server, j *job, _ *writer) (*os.File, error) {
		return nil, j.files.Rename(j.ctx, j.String(), j.String())
	},
	opSymlink: func(h *server, j *job, _ *writer) (*os.File, error) {
		return nil, driver.Symlink(j.ctx, j.files, j.String(), j.String())
	},
	opSetGroup: func(h *server, j *job, _ *writer) (*os.File, error) {
		return nil, driver.SetGroup(j.ctx, j.files, j.String(), j.String())
	},
	opSetMode: func(h *server, j *job, _ *writer) (*os.File, error) {
		return nil, driver.SetMode(j.ctx, j.files, j.String(), os.FileMode(j.Uint()))
	},
	opSetTimes: func(h *server, j *job, _ *writer) (*os.File, error) {
		return nil, driver.SetTimes(j.ctx, j.files, j.String(), driver.Times{Modify: readTime(j.reader), Access: readTime(j.reader), Create: readTime(j.reader)})
	},
	opRemoveSame: func(h *server, j *job, _ *writer) (*os.File, error) {
		name, fi := j.String(), new(info)
		readInfo(j.reader, fi, false)
		return nil, driver.RemoveSame(j.ctx, j.files, name, fi)
	},
	opCheckStore: func(h *server, j *job, w *writer) (*os.File, error) {
		w.Bool(isAtomic(j.files))
		return nil, driver.CheckStore(j.ctx, j.files, j.String(), readOptions(j.reader))
	},
	opStat: func(h *server, j *job, w *writer) (*os.File, error) {
		fi, err := j.files.Stat(j.ctx, j.String())
		if err == nil {
			writeInfo(w, fi, false)
		}
		return nil, err
	},
	opReadLink: func(h *server, j *job, w *writer) (*os.File, error) {
		target, err := driver.ReadLink(j.ctx, j.files, j.String())
		w.String(target)
		return nil, err
	},
	opSpace: func(h *server, j *job, w *writer) (*os.File, error) {
		n, err := driver.Space(j.ctx, j.files, j.String())
		w.Int(n)
		return nil, err
	},
	opChecksum: func(h *server, j *job, w *writer) (*os.File, error) {
		sum, err := driver.Checksum(j.ctx, j.files, j.String(), j.String(), j.Int(), j.Int())
		w.String(string(sum))
		return nil, err
	},
	opRawNames: func(h *server, j *job, w *writer) (*os.File, error) {
		w.Bool(driver.RawNames(j.files, j.String()))
		return nil, nil
	},
	opOpen:    (*server).open,
	opStore:   (*server).store,
	opPut:     (*server).put,
	opPrepare: (*server).prepare,
	opCommit:  (*server).commit,
	opClose:   (*server).close,
	opWrite:   (*server).write,
	opRead:    (*server).read,
	opEnd:     (*server).endStream,
}

// What takes the place of the length of a part in the answer about another file.
const (
	noPart = -1 // a whole file
	noFile = -2 // a stream, whose bytes go in messages
)

// open opens a file and returns it, to be sent. It begins a stream if the file is none of the system.
func (h *server) open(j *job, w *writer) (*os.File, error) {
	r, err := j.files.Open(j.ctx, j.String(), j.Int())
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *os.File:
		w.Int(noPart)
		return r, nil
	case driver.FilePart:
		f, n := r.Part()
		w.Int(n)
		return f, nil
	}
	if err := h.stream(j, r); err != nil {
		r.Close()
		return nil, err
	}
	w.Int(noFile)
	w.Uint(j.id)
	return nil, nil
}

// list sends a listing in pieces, no more of which are under way than the client allows.
func (h *server) list(j *job) {
	l := &listing{h: h, j: j}
	name, nameOnly := j.String(), j.Bool()
	err := j.End()
	if err == nil {
		err = rescued(func() error { return l.entries(name, nameOnly) })
	}
	l.send(opReply, func(w *writer) { w.Failure(err) })
}

// listing is a listing that is being sent.
type listing struct {
	h       *server
	j       *job
	batch   writer // entries that are still to be sent
	n       uint64 // how many entries batch has
	message writer
}

// entries lists a directory and sends its entries, but for the last batch.
func (l *listing) entries(name string, nameOnly bool) error {
	for fi, err := range driver.Scan(l.j.ctx, l.j.files, name, nameOnly) {
		if err != nil {
			return err
		}
		writeInfo(&l.batch, fi, nameOnly)
		if l.n++; len(l.batch) < batch {
			continue
		}
		select {
		case <-l.j.more:
		case <-l.j.ctx.Done():
			return l.j.ctx.Err()
		}
		if err := l.send(opEntries, nil); err != nil {
			return err
		}
	}
	return nil
}

// send sends the entries in batch, and what end writes behind them.
func (l *listing) send(o op, end func(w *writer)) error {
	begin(&l.message, o, l.j.id)
	l.message.Uint(l.n)
	l.message = append(l.message, l.batch...)
	if end != nil {
		end(&l.message)
	}
	l.n, l.batch = 0, l.batch[:0]
	err := l.h.s.Send(l.message, nil)
	if err != nil {
		l.h.s.Close()
	}
	return err
}
