package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

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
	t.extent = extentOf(file, offset, until)
	opening := "Opening the data connection."
	if n := t.extent.end; n > 0 && until == 0 && !t.ascii {
		opening = fmt.Sprintf("Opening the data connection (%d bytes).", n) // of the whole file, as clients read it from other servers
	}
	var from io.Reader = file
	if until > 0 {
		from = io.LimitReader(file, until-offset)
	}
	return s.transfer(t, opening, func(conn *dataConn) error {
		return t.send(conn, from)
	})
}

// send moves a file to the client.
func (t *transfer) send(conn *dataConn, file io.Reader) error {
	if f, n, ok := ofSystem(file); ok && conn.tls == nil && conn.around == nil && !t.ascii && !t.compressed {
		return t.sendFile(conn, f, n)
	}
	l := newLull(conn, source{file, t})
	defer l.end()
	var convert wire.ToCRLF
	for {
		piece, err := t.meter.wait(t.ctx, sendChunk)
		if err != nil {
			return err
		}
		room, err := conn.room()
		if err != nil {
			return cutOff(err)
		}
		before := t.bytes.Load()
		more, err := t.sendPart(conn, l, min(room, int(piece)), &convert)
		if limited := t.meter.moved(t.bytes.Load() - before); limited && err == nil {
			err = l.send() // otherwise TLS would gather for a client that waits
		}
		switch {
		case err != nil:
			return err
		case !more:
			return t.finish(conn)
		}
	}
}

// sendFileMost is how much of a file the kernel sends at once. Then the rate is looked at
// again, since a later login may have set one.
const sendFileMost = 4 << 20

// sendFile moves the next most bytes of a file of the system in clear, without
// copying them.
func (t *transfer) sendFile(conn *dataConn, f *os.File, most int64) error {
	for most > 0 {
		piece, err := t.meter.wait(t.ctx, min(most, sendFileMost))
		if err != nil {
			return err
		}
		n, err := conn.idle.sendFile(f, piece)
		t.bytes.Add(n)
		t.meter.moved(n)
		if err != nil {
			return cutOff(err)
		}
		if most -= n; n < piece {
			break
		}
	}
	return t.finish(conn)
}

// sendPart sends as much as there is room for, or less, and reports whether the file goes
// on.
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

// pages rounds n down to whole pages of memory, unless n is less than one: whole pages are
// read faster.
func pages(n int) int {
	const page = 4 << 10
	if n > page {
		n -= n % page
	}
	return n
}

// ofSystem returns the file of the system that a driver reads from, and how many bytes of
// it the driver means.
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

// finish ends the data connection after the last byte of the file.
func (t *transfer) finish(conn *dataConn) error {
	if err := t.extent.check(); err != nil {
		return err
	}
	return finish(conn)
}

// finish ends the data connection after the last byte.
func finish(conn *dataConn) error {
	if err := conn.finish(); err != nil {
		return cutOff(err)
	}
	return nil
}

// cutOff makes a dataError of a failure of the data connection during a transfer.
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
