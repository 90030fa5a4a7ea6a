package server

import (
	"bufio"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"sync"
)

// MODE Z (draft-preston-ftpext-deflate): what crosses a data connection is one
// stream of zlib (RFC 1950). The end of the stream carries a checksum, so it proves
// the end of the file. TYPE, REST and RANG mean the file and not the stream. No
// memory is held for MODE Z while no transfer runs.

// deflater compresses a download.
type deflater struct {
	z     *zlib.Writer
	buf   *bufio.Writer // flate writes some 200 bytes at a time
	level int
}

// inflater decompresses an upload.
type inflater struct {
	src     *bufio.Reader
	z       io.ReadCloser // nil until the first header has come
	started bool
	ended   bool // the stream's end came and the checksum is right
}

// deflateBuffer is how many bytes are read or written at once.
const deflateBuffer = 64 << 10

// deflaters has a pool for each level, 0 being the default: a compressor is big,
// the more so the higher its level.
var (
	deflaters [flate.BestCompression + 1]sync.Pool
	inflaters = sync.Pool{New: func() any {
		return &inflater{src: bufio.NewReaderSize(nil, deflateBuffer)}
	}}
)

func takeDeflater(to io.Writer, level int) *deflater {
	d, ok := deflaters[level].Get().(*deflater)
	if !ok {
		at := level
		if at == 0 {
			at = flate.DefaultCompression
		}
		d = &deflater{buf: bufio.NewWriterSize(nil, deflateBuffer), level: level}
		d.z, _ = zlib.NewWriterLevel(d.buf, at) // fails for a wrong level only
	}
	d.buf.Reset(to)
	d.z.Reset(d.buf)
	return d
}

func (d *deflater) Write(p []byte) (int, error) { return d.z.Write(p) }

// flush sends all that was written so far.
func (d *deflater) flush() error {
	if err := d.z.Flush(); err != nil {
		return err
	}
	return d.buf.Flush()
}

// end writes the end of the stream.
func (d *deflater) end() error {
	if err := d.z.Close(); err != nil {
		return err
	}
	return d.buf.Flush()
}

// Read decompresses. io.EOF means that the stream ended as it should and that
// nothing came behind it.
func (i *inflater) Read(p []byte) (n int, err error) {
	if !i.started {
		if err = i.start(); err != nil {
			return 0, damaged(err)
		}
	}
	if !i.ended {
		if n, err = i.z.Read(p); err != io.EOF {
			return n, damaged(err)
		}
		i.ended = true
	}
	switch _, err := i.src.ReadByte(); {
	case err == nil:
		i.ended = false
		return n, &dataError{code: 451, text: "Data follows the end of the compressed stream."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, err
	}
	// How the connection ends no longer matters: the file is whole.
	return n, io.EOF
}

// start reads the header of the stream.
func (i *inflater) start() (err error) {
	if i.z == nil {
		i.z, err = zlib.NewReader(i.src)
	} else {
		err = i.z.(zlib.Resetter).Reset(i.src, nil)
	}
	i.started = err == nil
	return err
}

// damaged turns an error of the stream into the reply to it. An error of the
// connection stays as it is.
func damaged(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &dataError{426, "The compressed stream was cut off.", err}
	case errors.Is(err, zlib.ErrHeader), errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrDictionary), errors.As(err, &corrupt):
		return &dataError{451, "The compressed stream is damaged.", err}
	}
	return err
}

// compress puts MODE Z on a data connection.
func (c *dataConn) compress(t *transfer) {
	below := c.ReadWriter
	if t.upload {
		c.in = inflaters.Get().(*inflater)
		c.in.src.Reset(below)
		c.in.started, c.in.ended = false, false
		c.ReadWriter = readWriter{c.in, below}
		return
	}
	c.out = takeDeflater(below, t.level)
	c.ReadWriter = readWriter{below, c.out}
}

// readWriter joins two halves.
type readWriter struct {
	io.Reader
	io.Writer
}

// uncompress gives back what compress took; nothing may be read or written
// afterwards.
func (c *dataConn) uncompress() {
	if c.in != nil {
		c.in.src.Reset(nil)
		inflaters.Put(c.in)
		c.in = nil
	}
	if c.out != nil {
		c.out.buf.Reset(nil)
		deflaters[c.out.level].Put(c.out)
		c.out = nil
	}
}
