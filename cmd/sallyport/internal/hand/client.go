package hand

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// DefaultPatience bounds how long a call may go without an answer.
const DefaultPatience = 2 * time.Minute

// ErrGone is the error of every call after the hand has ended, or was found to hang. It ends the session: nobody
// knows what a call under way has done, so the client should look before it repeats the command.
var ErrGone = &driver.Error{
	Code: 421, Text: "The files are not within reach any more. What was asked for last may be done or not: log in again and look.",
	Err: errors.New("hand: the process that has the files has ended"),
}

// Client is a [driver.FS] whose work a hand does. It is safe for concurrent use.
type Client struct {
	*link
	root   uint64      // which of the hand's roots this is
	atomic atomic.Bool // the hand stores uploads atomically: nothing is there before Commit, as CheckStore has told
}

// link is the socket to a hand. The Clients of all roots of the hand share it.
type link struct {
	// Gone is the error of every call after the hand has ended; ErrGone if it is nil. It is set before the first call.
	Gone error

	s        Conn
	patience time.Duration

	ended chan struct{} // is closed when gone is set

	mu    sync.Mutex
	last  uint64 // the number of the last call
	calls map[uint64]*call
	gone  bool
}

// call is a call of the hand that was not answered in full yet.
type call struct {
	id      uint64
	answers chan answer // has room for as many as may be under way
}

// answer is a message of the hand, and the file in it.
type answer struct {
	op op
	*reader
	file  *os.File
	taken bool // takeFile was called
}

// NewClientOver returns the Client at one end of a connection, which it takes over. A patience of 0 is DefaultPatience.
// A hand that doesn't answer for longer, for example since its user has stopped it, is taken to be gone. The process
// that has started the hand has to end it. The Client is that of the first root that Serve was given; Root returns
// those of the others.
func NewClientOver(s Conn, patience time.Duration) *Client {
	if patience == 0 {
		patience = DefaultPatience
	}
	l := &link{s: s, patience: patience, calls: map[uint64]*call{}, ended: make(chan struct{})}
	go l.receive()
	return &Client{link: l}
}

// Root returns a new Client of another root of the same hand, by its place among the roots that Serve was given.
func (c *Client) Root(i int) *Client { return &Client{link: c.link, root: uint64(i)} }

// Close ends the socket, for the Clients of all roots. Serve at the other end returns then.
func (l *link) Close() error { return l.s.Close() }

// Done returns a channel that is closed when the hand has ended, was found to hang, or Close was called.
func (l *link) Done() <-chan struct{} { return l.ended }

func (l *link) errGone() error {
	if l.Gone != nil {
		return l.Gone
	}
	return ErrGone
}

// receive passes answers to the calls that wait for them, until the socket ends.
func (l *link) receive() {
	buf := make([]byte, channel.MaxMessage)
	for l.receiveOne(buf) == nil {
	}
	l.s.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	close(l.ended)
	for _, w := range l.calls {
		close(w.answers)
	}
	clear(l.calls)
}

func (l *link) receiveOne(buf []byte) error {
	b, f, err := l.s.Receive(buf)
	if err != nil {
		return err
	}
	o, id, r := parse(append([]byte(nil), b...))
	if r.Mistake() == nil && o != opReply && o != opEntries {
		r.Fail()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.calls[id]
	if o == opReply {
		delete(l.calls, id)
	}
	if r.Mistake() == nil && w != nil {
		select {
		case w.answers <- answer{op: o, reader: r, file: f}:
			return nil
		default:
			r.Fail() // the hand has sent more of a listing than it may
		}
	}
	if f != nil {
		f.Close() // the call was given up
	}
	return r.Mistake()
}

// writers holds messages whose memory is reused.
var writers = sync.Pool{New: func() any { return new(writer) }}

// begin sends the question of a call.
func (c *Client) begin(o op, build func(w *writer)) (*call, error) {
	w := &call{answers: make(chan answer, window+1)}
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return nil, c.errGone()
	}
	c.last++
	w.id = c.last
	c.calls[w.id] = w
	c.mu.Unlock()
	if err := c.send(o, w.id, func(w *writer) {
		w.Uint(c.root)
		if build != nil {
			build(w)
		}
	}); err != nil {
		c.forget(w)
		return nil, err
	}
	return w, nil
}

// send sends a message. If that fails, it ends the socket, since nobody knows how much the hand has read.
func (l *link) send(o op, id uint64, build func(w *writer)) error {
	m := writers.Get().(*writer)
	defer writers.Put(m)
	begin(m, o, id)
	if build != nil {
		build(m)
	}
	if len(*m) > channel.MaxMessage {
		return channel.ErrMessage // nothing was sent
	}
	if err := l.s.Send(*m, nil); err != nil {
		l.s.Close()
		return errors.Join(l.errGone(), err)
	}
	return nil
}

// next waits for the next answer to a call.
func (l *link) next(ctx context.Context, w *call) (answer, error) {
	timer := time.NewTimer(l.patience)
	defer timer.Stop()
	select {
	case a, ok := <-w.answers:
		if !ok {
			return a, l.errGone()
		}
		return a, nil
	case <-ctx.Done():
		l.cancel(w)
		return answer{}, ctx.Err()
	case <-timer.C:
		l.s.Close()
		return answer{}, l.errGone()
	}
}

// cancel gives up a call, and tells the hand so unless the last answer has come.
func (l *link) cancel(w *call) {
	if l.forget(w) {
		l.send(opCancel, w.id, nil)
	}
}

// forget gives up a call, and reports whether its last answer had not come.
func (l *link) forget(w *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, open := l.calls[w.id]
	delete(l.calls, w.id)
	for {
		select {
		case a, ok := <-w.answers:
			a.closeFile()
			if ok {
				continue
			}
		default:
		}
		return open
	}
}

// do makes a call that has one answer. take reads the answer unless it is an error, and takes its file if one is
// expected; nil stands for an answer without content. do closes a file that take leaves, or that comes with a
// mistake.
func (c *Client) do(ctx context.Context, o op, build func(w *writer), take func(a *answer)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := c.begin(o, build)
	if err != nil {
		return err
	}
	return c.end(ctx, w, take)
}

// end waits for the one answer to a call and reads it.
func (c *Client) end(ctx context.Context, w *call, take func(a *answer)) error {
	a, err := c.next(ctx, w)
	if err != nil {
		return err
	}
	if err = a.Failure(); err == nil {
		if take != nil {
			take(&a)
		}
		err = a.End()
	}
	if err != nil || !a.taken {
		a.closeFile()
	}
	return err
}

// closeFile closes the file in the answer, if there is one.
func (a *answer) closeFile() {
	if a.file != nil {
		a.file.Close()
	}
}

// takeFile returns the file in the answer, and notes a mistake if there is none.
func (a *answer) takeFile() *os.File {
	if a.taken = true; a.file == nil {
		a.Fail()
	}
	return a.file
}
