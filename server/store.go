package server

import (
	"context"
	"errors"
	"io"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// ALLO <bytes>: RFC 959, section 4.1.3. The answer is 200 and not 202: after a
// 202 some cameras try for ever.
func (s *session) cmdAllo(_ context.Context, arg string) (wire.Reply, error) {
	size, err := wire.ParseALLO(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	s.alloSize = size
	return ok(200, "Noted.")
}

// STOR <file>: RFC 959, section 4.1.3; REST before it gives the offset (RFC 3659,
// section 5).
func (s *session) cmdStor(ctx context.Context, arg string) (wire.Reply, error) {
	offset, until, err := s.takeRestart()
	if err != nil {
		return wire.Reply{}, err
	}
	if until > 0 {
		return ok(504, "RANG is for RETR and HASH; use REST.")
	}
	return s.store(ctx, "STOR", arg, driver.StoreOptions{Offset: offset}, "Opening the data connection.")
}

// APPE <file>: RFC 959, section 4.1.3.
func (s *session) cmdAppe(ctx context.Context, arg string) (wire.Reply, error) {
	s.restart, s.until = 0, 0
	return s.store(ctx, "APPE", arg, driver.StoreOptions{Append: true}, "Opening the data connection.")
}

func (s *session) store(ctx context.Context, verb, arg string, opts driver.StoreOptions, opening string) (wire.Reply, error) {
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	opts.Size, s.alloSize = s.alloSize, 0
	t, err := s.newTransfer(verb, name)
	if err != nil {
		return wire.Reply{}, err
	}
	t.offset, t.upload = opts.Offset, true
	err = s.ahead(t, func() error { return driver.CheckStore(t.ctx, s.files, name, opts) })
	if err != nil {
		refused := t.report()
		refused.Err = err
		s.hookTransfer(&refused)
		return wire.Reply{}, err
	}
	return s.transfer(t, opening, func(conn *dataConn) error {
		// Only now, with the data connection there, is anything created: a STOR
		// that never gets one must not harm the old file.
		return s.receive(t, conn, name, opts)
	})
}

// receive stores what the client sends. The file is committed only when its
// end is certain.
func (s *session) receive(t *transfer, conn *dataConn, name string, opts driver.StoreOptions) (err error) {
	up, err := t.store(s.files, name, opts)
	if err != nil {
		return err
	}
	cause := errors.New("server: panic during the upload")
	defer func() {
		if e := up.Close(cause); err == nil {
			err = e
		}
	}()
	if cause = t.copyFrom(conn, up); cause != nil {
		return cause
	}
	if cause = s.endOfUpload(t, conn, up, opts); cause != nil {
		return cause
	}
	// finish fails for a client that closed abruptly after its last byte, which
	// hears no close_notify; the file is whole all the same.
	conn.finish()
	cause = up.Commit()
	return cause
}

// store begins the upload.
func (t *transfer) store(files driver.FS, name string, opts driver.StoreOptions) (_ driver.Upload, err error) {
	defer t.inDriver(&err)()
	up, err := files.Store(t.ctx, name, opts)
	return guarded{up, t}, err
}

// copyFrom writes everything that arrives, in large pieces; what arrived before
// a failure is written too, because an in-place driver keeps it for a resume.
func (t *transfer) copyFrom(conn *dataConn, up driver.Upload) error {
	buf := buffers.take()
	defer buffers.give(buf)
	var (
		convert wire.FromCRLF
		text    []byte
	)
	for {
		if t.ctx.Err() != nil {
			// A compressed stream can go on for long without the connection.
			return context.Cause(t.ctx)
		}
		piece, err := t.meter.wait(t.ctx, int64(len(*buf)))
		if err != nil {
			return err
		}
		n, readErr := t.fill(conn, (*buf)[:piece])
		t.meter.moved(int64(n))
		data := (*buf)[:n]
		if t.ascii {
			text = convert.Append(text[:0], data)
			if readErr != nil {
				text = convert.End(text)
			}
			data = text
		}
		if len(data) > 0 {
			if _, err := up.Write(data); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			return cutOff(readErr)
		}
	}
}

// fill reads until the buffer is full or there is no more: TLS hands out a record
// at a time, and a file is written faster in larger pieces. Bytes are counted as
// they come, because they show that the client is at work.
func (t *transfer) fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		t.bytes.Add(int64(m))
		n += m
	}
	return n, err
}
