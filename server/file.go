package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// RETR <file>: RFC 959, section 4.1.3; REST before it gives the offset (RFC
// 3659, section 5), RANG both ends.
func (s *session) cmdRetr(ctx context.Context, arg string) (wire.Reply, error) {
	offset, until, err := s.takeRestart()
	if err != nil {
		return wire.Reply{}, err
	}
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	t, err := s.newTransfer("RETR", name)
	if err != nil {
		return wire.Reply{}, err
	}
	var file io.ReadCloser
	err = s.ahead(t, func() error {
		if file, err = s.files.Open(t.ctx, name, offset); err == nil {
			t.file = file
		}
		return err
	})
	if err != nil {
		return wire.Reply{}, err
	}
	t.offset = offset
	var from io.Reader = file
	if until > 0 {
		from = io.LimitReader(file, until-offset)
	}
	return s.transfer(t, "Opening the data connection.", func(conn *dataConn) error {
		return t.send(conn, from)
	})
}

// STOR <file>: RFC 959, section 4.1.3, with REST as RETR.
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

// STOU [<file>]: RFC 959, section 4.1.3; the name goes into the 150 reply as
// RFC 1123, section 4.1.2.9 wants it.
func (s *session) cmdStou(ctx context.Context, arg string) (wire.Reply, error) {
	s.restart, s.until = 0, 0
	if arg == "" {
		arg = "file"
	}
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	unique := name
	for range 8 {
		_, err := s.files.Stat(ctx, unique)
		if errors.Is(err, fs.ErrNotExist) {
			return s.store(ctx, "STOU", wire.Display(unique), driver.StoreOptions{Exclusive: true}, "FILE: "+wire.Display(unique))
		}
		if err != nil {
			return wire.Reply{}, err
		}
		unique = name + "." + strconv.FormatUint(uint64(rand.Uint32()), 36)
	}
	return ok(450, "No free name found; try again.")
}

func (s *session) store(ctx context.Context, verb, arg string, opts driver.StoreOptions, opening string) (wire.Reply, error) {
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	opts.Size, s.alloc = s.alloc, 0
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

// takeRestart is what REST or RANG said, for one transfer; until is 0 when the
// end is that of the file.
func (s *session) takeRestart() (offset, until int64, err error) {
	offset, until = s.restart, s.until
	s.restart, s.until = 0, 0
	if (offset > 0 || until > 0) && s.converts() {
		// After conversion of line ends no offset means the same on both sides.
		return 0, 0, &driver.Error{Code: 554, Text: "REST and RANG do not work in TYPE A; send TYPE I first."}
	}
	return offset, until, nil
}

// send moves a file to the client.
func (t *transfer) send(conn *dataConn, file io.Reader) error {
	if f, n, ok := ofSystem(file); ok && conn.tls == nil && conn.around == nil && !t.ascii && !t.compressed {
		n, err := conn.idle.sendFile(f, n)
		t.bytes.Add(n)
		if err != nil {
			return cutOff(err)
		}
		return finish(conn)
	}
	l := newLull(conn, source{file, t})
	defer l.end()
	var convert wire.ToCRLF
	for {
		room, err := conn.room()
		if err != nil {
			return cutOff(err)
		}
		more, err := t.sendPart(conn, l, room, &convert)
		switch {
		case err != nil:
			return err
		case !more:
			return finish(conn)
		}
	}
}

// sendPart moves what there is room for, or less. It reports whether the file
// goes on.
func (t *transfer) sendPart(conn *dataConn, file *lull, room int, convert *wire.ToCRLF) (more bool, err error) {
	buf := chunks.take()
	defer chunks.give(buf)
	data := (*buf)[:min(len(*buf), sendChunk, pages(room))]
	n, readErr := file.Read(data)
	if n > 0 {
		data = data[:n]
		if t.ascii {
			text := chunks.take()
			defer chunks.give(text)
			data = convert.Append((*text)[:0], data)
		}
		m, err := conn.send(data)
		t.bytes.Add(int64(m))
		if err != nil {
			return false, cutOff(err)
		}
		if readErr == nil {
			file.wrote()
		}
	}
	if readErr == io.EOF {
		return false, nil
	}
	return readErr == nil, readErr
}

// pages rounds down to whole pages of memory, if n has any: files are read faster
// so.
func pages(n int) int {
	const page = 4 << 10
	if n > page {
		n -= n % page
	}
	return n
}

// ofSystem returns the file of the system that a driver reads from, and how many
// bytes of it are meant.
func ofSystem(r io.Reader) (f *os.File, n int64, ok bool) {
	switch r := r.(type) {
	case *os.File:
		return r, math.MaxInt64, true
	case driver.FilePart:
		f, n = r.Part()
		return f, n, true
	}
	return nil, 0, false
}

// sendChunk is how much of a file is read at once: little enough to be in the
// CPU's cache still when it is encrypted. TLS gathers more before it sends.
const sendChunk = 64 << 10

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
	// A client that closed abruptly after its last byte has no ear for our
	// close_notify; the file is whole all the same.
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
		n, readErr := fill(conn, *buf)
		t.bytes.Add(int64(n))
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

// fill reads until the buffer is full or there is no more: TLS hands out a
// record at a time, and a file is written faster in larger pieces.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// finish ends the data connection after the last byte.
func finish(conn *dataConn) error {
	if err := conn.finish(); err != nil {
		return cutOff(err)
	}
	return nil
}

// cutOff is a failure of the data connection during a transfer.
func cutOff(err error) error {
	var known *dataError
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &dataError{426, "The data connection was idle for too long.", err}
	}
	return &dataError{426, "The data connection broke.", err}
}
