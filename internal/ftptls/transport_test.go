package ftptls

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// counting counts what crosses a connection.
type counting struct {
	net.Conn
	reads, writes atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(p)
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// A download is ticket, data and close_notify in as few writes as can be.
func TestWritesPerDownload(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for size, want := range map[int]int64{0: 1, 100: 1, 4 << 10: 1, 200 << 10: 1, 256 << 10: 1, 512 << 10: 2, 1 << 20: 3} {
			for _, end := range []func(*Conn) error{(*Conn).CloseWrite, (*Conn).Close} {
				l := newLayer(t)
				s, cfg := l.Session(), l.client(version)
				login(t, s, cfg)
				server, conn := pipe(t)
				below := &counting{Conn: server}
				d := s.Data(below, tls.Require)
				client, err := shake(t, d, conn, cfg)
				require.NoError(t, err)
				below.writes.Store(0)

				got := make(chan []byte)
				go func() {
					all, _ := io.ReadAll(client)
					got <- all
				}()
				content := make([]byte, size)
				for rest := content; len(rest) > 0; {
					n, err := d.Write(rest[:min(256<<10, len(rest))])
					require.NoError(t, err)
					rest = rest[n:]
				}
				require.NoError(t, end(d))
				require.Equal(t, content, append([]byte{}, <-got...))
				require.Equal(t, want, below.writes.Load(), "%d bytes", size)
				d.Close()
				require.Equal(t, want, below.writes.Load(), "%d bytes, closed", size)
			}
		}
	})
}

// Control connections send each reply at once.
func TestControlDoesNotGather(t *testing.T) {
	l := newLayer(t)
	control, client := login(t, l.Session(), l.client(tls.VersionTLS13))
	for range 3 {
		_, err := control.Write([]byte("200 OK\r\n"))
		require.NoError(t, err)
		_, err = io.ReadFull(client, make([]byte, 8))
		require.NoError(t, err)
	}
	client.Write([]byte("NOOP\r\nNOOP\r\n"))
	_, err := io.ReadFull(control, make([]byte, 12))
	require.NoError(t, err)
	require.Nil(t, control.in.buf)
	require.False(t, control.in.ahead.Load())
}

func TestFlush(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		d, client, err := data(t, l.Session(), tls.Prefer, l.client(version))
		require.NoError(t, err)
		for range 3 {
			_, err = d.Write([]byte("line\r\n"))
			require.NoError(t, err)
			require.NoError(t, d.Flush())
			_, err = io.ReadFull(client, make([]byte, 6))
			require.NoError(t, err)
			require.Nil(t, d.out.buf)
		}
	})
}

// Both directions at once, in pieces of every size.
func TestTransferBothWays(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		d, client, err := data(t, l.Session(), tls.Prefer, l.client(version))
		require.NoError(t, err)
		var wg sync.WaitGroup
		sums := make([][32]byte, 4)
		send := func(sum *[32]byte, w io.Writer, seed uint64, done func() error) {
			defer wg.Done()
			r, h := rand.New(rand.NewPCG(seed, 0)), sha256.New()
			block := make([]byte, 600<<10)
			for left := 12 << 20; left > 0; {
				piece := block[:1+r.IntN(min(len(block), left))]
				if r.IntN(4) > 0 {
					piece = piece[:1+r.IntN(min(100, len(piece)))]
				}
				piece[0] = byte(r.Uint32())
				h.Write(piece)
				if _, err := w.Write(piece); err != nil {
					t.Error(err)
					return
				}
				left -= len(piece)
			}
			if err := done(); err != nil {
				t.Error(err)
			}
			h.Sum(sum[:0])
		}
		receive := func(sum *[32]byte, r io.Reader) {
			defer wg.Done()
			h := sha256.New()
			// Hides WriterTo and such, and varies what is asked for.
			buf, size := make([]byte, 256<<10), 1
			for {
				n, err := r.Read(buf[:size])
				h.Write(buf[:n])
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					break
				}
				size = size%len(buf)*3 + 1
				size = min(size, len(buf))
			}
			h.Sum(sum[:0])
		}
		wg.Add(4)
		go send(&sums[0], d, 1, d.CloseWrite)
		go receive(&sums[1], client)
		go send(&sums[2], client, 2, client.CloseWrite)
		go receive(&sums[3], d)
		wg.Wait()
		require.Equal(t, sums[0], sums[1])
		require.Equal(t, sums[2], sums[3])
		require.False(t, d.Truncated())
		require.NoError(t, d.Close())
		require.Nil(t, d.in.buf)
		require.Nil(t, d.out.buf)
	})
}

// hurried is a connection whose client is always ahead of the reader, however
// busy the machine is: a read waits until there is as much as it has asked for.
type hurried struct {
	net.Conn
	on atomic.Bool
}

func (h *hurried) Read(p []byte) (int, error) {
	if !h.on.Load() {
		return h.Conn.Read(p)
	}
	n, err := io.ReadFull(h.Conn, p)
	if err == io.ErrUnexpectedEOF {
		err = nil // the next read returns the end
	}
	return n, err
}

// An upload is read in large pieces, by few reads, when the client is ahead.
func TestReadsPerUpload(t *testing.T) {
	l := newLayer(t)
	server, conn := pipe(t)
	fast := &hurried{Conn: server}
	below := &counting{Conn: fast}
	d := l.Session().Data(below, tls.Prefer)
	client, err := shake(t, d, conn, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	go func() {
		client.Write(make([]byte, 16<<20))
		client.Close()
	}()
	fast.on.Store(true)
	below.reads.Store(0)
	buf, calls, total := make([]byte, 256<<10), 0, 0
	for {
		n, err := d.Read(buf)
		total += n
		calls++
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, 16<<20, total)
	t.Logf("%d system calls, %d calls of Read", below.reads.Load(), calls)
	require.Less(t, calls, 16<<20/maxPlaintext/2)
	require.NoError(t, d.Close())
}

// An idle data connection holds no large memory, nor does a trickling one.
func TestTricklingUploadHoldsNoBuffer(t *testing.T) {
	l := newLayer(t)
	d, client, err := data(t, l.Session(), tls.Prefer, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	out := buffersOut.Load()
	for range 5 {
		client.Write(make([]byte, 1000))
		_, err := io.ReadFull(d, make([]byte, 1000))
		require.NoError(t, err)
		require.Equal(t, out, buffersOut.Load())
	}
}

// failing breaks a connection after some bytes, with or without an error.
type failing struct {
	net.Conn
	left   int
	silent bool
}

func (c *failing) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.left])
	c.left = 0
	if c.silent {
		return n, nil
	}
	return n, errors.New("cable cut")
}

func TestWriteErrorsStick(t *testing.T) {
	for silent, text := range map[bool]string{false: "cable cut", true: io.ErrShortWrite.Error()} {
		l := newLayer(t)
		server, conn := pipe(t)
		d := l.Session().Data(&failing{server, 10000, silent}, tls.Prefer)
		_, err := shake(t, d, conn, l.client(tls.VersionTLS13))
		require.NoError(t, err)
		_, err = d.Write(bytes.Repeat([]byte("x"), 20000))
		require.NoError(t, err, "only gathered")
		require.ErrorContains(t, d.Flush(), text)
		_, err = d.Write([]byte("x"))
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, d.CloseWrite(), text)
		require.ErrorContains(t, d.Close(), text)
		require.Nil(t, d.out.buf)
	}
}
