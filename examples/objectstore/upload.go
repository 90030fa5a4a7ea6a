package main

import (
	"context"
	"errors"
	"io"
)

// upload is a PUT under way. Since the length is unknown, the body is sent in chunks
// (RFC 9112, section 7.1). The last, empty chunk tells the store that the object is
// whole: Commit sends that chunk, and Close without Commit cuts the request before.
type upload struct {
	body *io.PipeWriter
	free func() error  // whether the name may still be taken
	end  chan struct{} // closed when the store has answered
	err  error         // what it answered, once end is closed
	done bool          // Commit was called
}

var errOver = errors.New("the upload is over")

// put begins to send. When ctx ends, as the client's going does, the request ends.
func (b bucket) put(ctx context.Context, key string, free func() error, header ...string) (*upload, error) {
	from, to := io.Pipe()
	req, err := b.request(ctx, "PUT", key, from, header...)
	if err != nil {
		return nil, err
	}
	u := &upload{body: to, free: free, end: make(chan struct{})}
	go func() {
		defer close(u.end)
		res, err := b.do(req)
		if err == nil {
			err = res.Body.Close()
		}
		u.err = err
		from.CloseWithError(errors.Join(err, errOver)) // a Write that waits returns
	}()
	return u, nil
}

// Write is as fast as the store reads. Once the store has refused, the error has the
// store's words.
func (u *upload) Write(p []byte) (int, error) {
	n, err := u.body.Write(p)
	if err != nil {
		<-u.end
		err = errors.Join(u.err, err)
	}
	return n, err
}

// Commit returns when the store has the object. A directory of that name may have
// been made since Store, or the one above removed, which no store would mind.
func (u *upload) Commit() error {
	if u.done {
		return errOver
	}
	u.done = true
	if err := u.free(); err != nil {
		return errors.Join(err, u.Close(err))
	}
	u.body.Close()
	<-u.end
	return u.err
}

// Close after Commit finds the request over and does nothing.
func (u *upload) Close(cause error) error {
	u.body.CloseWithError(errors.Join(errors.New("the upload was cut"), cause))
	<-u.end
	return nil
}
