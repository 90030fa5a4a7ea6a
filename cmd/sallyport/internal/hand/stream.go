package hand

import (
	"context"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// stream is an open file at the hand that is none of the system. Its bytes go in messages.
type stream struct {
	io.ReadCloser
	cancel context.CancelFunc // ends the context of Open
	mu     sync.Mutex         // is held by the call about the stream
	piece  []byte
	err    error // of Read, to be told when the bytes before it are
}

// stream keeps an open file until the client ends it.
func (h *server) stream(j *job, r io.ReadCloser) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxCalls {
		return driver.ErrBusy
	}
	h.streams[j.id] = &stream{ReadCloser: r, cancel: j.cancel}
	j.kept = true
	return nil
}

// streamOf returns the stream that a call is about.
func (h *server) streamOf(j *job) (id uint64, s *stream, err error) {
	id = j.Uint()
	h.mu.Lock()
	defer h.mu.Unlock()
	if s = h.streams[id]; s == nil || j.End() != nil {
		return id, nil, channel.ErrMessage
	}
	return id, s, nil
}

// read sends the next bytes of a stream, and whether they are the last.
func (h *server) read(j *job, w *writer) (*os.File, error) {
	_, s, err := h.streamOf(j)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.piece == nil {
		s.piece = make([]byte, maxPiece)
	}
	n := 0
	for n == 0 && s.err == nil {
		n, s.err = s.Read(s.piece)
	}
	if n == 0 && s.err != io.EOF {
		return nil, s.err
	}
	w.Bool(s.err == io.EOF)
	w.String(string(s.piece[:n]))
	return nil, nil
}

// endStream closes a stream.
func (h *server) endStream(j *job, _ *writer) (*os.File, error) {
	id, s, err := h.streamOf(j)
	if err != nil {
		return nil, err
	}
	s.cancel() // ends a Read that is under way
	s.mu.Lock()
	defer s.mu.Unlock()
	h.mu.Lock()
	delete(h.streams, id)
	h.mu.Unlock()
	return nil, s.Close()
}

// streamed is a stream as the client reads it.
type streamed struct {
	c      *Client
	ctx    context.Context // the context of Open
	id     uint64
	forget func() bool // keeps the end of ctx from being told to the hand

	piece  string // bytes that were not read yet
	last   bool   // no bytes follow piece
	closed bool
}

func (c *Client) newStream(ctx context.Context, id uint64) *streamed {
	return &streamed{c: c, ctx: ctx, id: id, forget: context.AfterFunc(ctx, func() { c.send(opCancel, id, nil) })}
}

func (s *streamed) Read(p []byte) (int, error) {
	if s.closed {
		return 0, fs.ErrClosed
	}
	for s.piece == "" && !s.last && len(p) > 0 {
		err := s.c.do(s.ctx, opRead, func(w *writer) { w.Uint(s.id) }, func(a *answer) {
			s.last, s.piece = a.Bool(), a.String()
		})
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, s.piece)
	s.piece = s.piece[n:]
	if n == 0 && s.last {
		return 0, io.EOF
	}
	return n, nil
}

func (s *streamed) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.forget()
	return s.c.do(context.Background(), opEnd, func(w *writer) { w.Uint(s.id) }, nil)
}
