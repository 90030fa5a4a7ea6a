package hand

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// stored is an upload that the client writes: to its file, or in messages if it has none.
type stored struct {
	driver.Upload
	file   driver.FileUpload  // nil for an upload without a file
	cancel context.CancelFunc // ends the context of Store
	mu     sync.Mutex         // is held by the call about the upload, of which there is one at a time
	told   int64              // how many bytes were written, as far as the hand knows
}

func (h *server) store(j *job, w *writer) (*os.File, error) {
	up, err := j.files.Store(j.ctx, j.String(), readOptions(j.reader))
	if err != nil {
		return nil, err
	}
	f, err := h.keep(j, up)
	if err != nil {
		up.Close(err)
		return nil, err
	}
	w.Uint(j.id)
	w.Bool(f != nil)
	return f, nil
}

// put stores an upload that comes in one message.
func (h *server) put(j *job, _ *writer) (_ *os.File, err error) {
	name, opts, content := j.String(), readOptions(j.reader), j.String()
	if err := j.End(); err != nil {
		return nil, err
	}
	up, err := j.files.Store(j.ctx, name, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := up.Close(err); err == nil {
			err = e
		}
	}()
	if _, err := io.WriteString(up, content); err != nil {
		return nil, err
	}
	return nil, up.Commit()
}

// keep keeps an upload until it is closed, and returns its file for the client
// to write; nil for an upload that has none.
func (h *server) keep(j *job, up driver.Upload) (f *os.File, err error) {
	fu, ok := up.(driver.FileUpload)
	if ok {
		if f, err = fu.OpenFile(); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.uploads) >= maxCalls {
		if f != nil {
			f.Close()
		}
		return nil, driver.ErrBusy
	}
	h.uploads[j.id] = &stored{Upload: up, file: fu, cancel: j.cancel}
	j.kept = true
	return f, nil
}

// upload returns the upload that a call is about, with u.mu locked.
func (h *server) upload(j *job) (id uint64, u *stored, err error) {
	id = j.Uint()
	h.mu.Lock()
	u = h.uploads[id]
	h.mu.Unlock()
	if u == nil {
		return id, nil, channel.ErrMessage
	}
	u.mu.Lock()
	return id, u, nil
}

// with calls do with an upload that the client has written in full.
func (h *server) with(j *job, do func(u *stored) error) (id uint64, err error) {
	id, u, err := h.upload(j)
	if err != nil {
		return id, err
	}
	defer u.mu.Unlock()
	n := j.Int()
	if n < u.told || n > u.told && u.file == nil || j.End() != nil {
		return id, channel.ErrMessage
	}
	if u.file != nil {
		u.file.Wrote(n - u.told)
	}
	u.told = n
	return id, do(u)
}

// write writes bytes of an upload that has no file.
func (h *server) write(j *job, w *writer) (*os.File, error) {
	_, u, err := h.upload(j)
	if err != nil {
		return nil, err
	}
	defer u.mu.Unlock()
	piece := j.String()
	if u.file != nil || j.End() != nil {
		return nil, channel.ErrMessage
	}
	n, err := io.WriteString(u, piece)
	u.told += int64(n)
	return nil, err
}

func (h *server) prepare(j *job, _ *writer) (*os.File, error) {
	_, err := h.with(j, func(u *stored) error { return driver.Prepare(u.Upload) })
	return nil, err
}

func (h *server) commit(j *job, _ *writer) (*os.File, error) {
	id, err := h.with(j, func(u *stored) error {
		err := u.Commit()
		if err == nil {
			u.Close(nil)
		}
		return err
	})
	if err == nil {
		h.drop(id)
	}
	return nil, err
}

func (h *server) close(j *job, _ *writer) (*os.File, error) {
	id, u, err := h.upload(j)
	if err != nil {
		return nil, err
	}
	defer u.mu.Unlock()
	defer h.drop(id)
	return nil, u.Close(j.Failure())
}

func (h *server) drop(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u := h.uploads[id]; u != nil {
		u.cancel()
	}
	delete(h.uploads, id)
}
