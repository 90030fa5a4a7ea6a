package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// pair returns both ends of a connection over loopback, of which the first one
// is tested.
func pair(t *testing.T) (tested, other net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	other, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	tcp, err := ln.Accept()
	require.NoError(t, err)
	tested = rawio.On(tcp)
	t.Cleanup(func() { tested.Close() })
	return tested, other
}

// What is written arrives whole, whether the kernel takes it at once or not, and
// what is read is what was written.
func TestBothWays(t *testing.T) {
	for _, size := range []int{1, 4096, 64 << 10, 64<<10 + 1, 5 << 20} {
		for _, chunk := range []int{64 << 10, size} {
			tested, other := pair(t)
			content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			var both sync.WaitGroup
			both.Go(func() {
				io.Copy(other, other)
				other.(*net.TCPConn).CloseWrite()
			})
			both.Go(func() {
				for rest := content; len(rest) > 0; {
					n, err := tested.Write(rest[:min(len(rest), chunk)])
					if err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
			got := make([]byte, size)
			_, err := io.ReadFull(tested, got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, got), "%d bytes", size)
			require.NoError(t, tested.(interface{ CloseWrite() error }).CloseWrite())
			_, err = tested.Read(got)
			require.Equal(t, io.EOF, err)
			both.Wait()
		}
	}
}

// Pieces that several goroutines write at once stay whole, also when the kernel
// takes a piece in parts.
func TestWritersDoNotMix(t *testing.T) {
	for _, size := range []int{60 << 10, 100 << 10} {
		writersDoNotMix(t, size)
	}
}

func writersDoNotMix(t *testing.T, size int) {
	const pieces = 80
	tested, other := pair(t)
	require.NoError(t, tested.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(16<<10))
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for piece, n := bytes.Repeat([]byte{'a' + byte(i)}, size), 0; n < pieces/4; n++ {
				if _, err := tested.Write(piece); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for piece, n := make([]byte, size), 0; n < pieces; n++ {
		time.Sleep(2 * time.Millisecond) // so that they come to stand in line
		_, err := io.ReadFull(other, piece)
		require.NoError(t, err)
		require.Equal(t, size, bytes.Count(piece, piece[:1]), "of one writer")
	}
	writers.Wait()
}

// Errors are those of package net.
func TestErrors(t *testing.T) {
	one := make([]byte, 1)

	tested, _ := pair(t)
	require.NoError(t, tested.SetDeadline(time.Now().Add(-time.Second)))
	_, err := tested.Read(one)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	_, err = tested.Write(one)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, tested.SetDeadline(time.Time{}))
	_, err = tested.Write(one)
	require.NoError(t, err, "a deadline can be taken back")

	tested, other := pair(t)
	require.NoError(t, other.(*net.TCPConn).SetLinger(0))
	require.NoError(t, other.Close())
	_, err = tested.Read(one)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.ErrorContains(t, err, "read tcp "+tested.LocalAddr().String()+"->"+tested.RemoteAddr().String()+": read: ")

	tested, _ = pair(t)
	require.NoError(t, tested.Close())
	_, err = tested.Read(one)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = tested.Write(one)
	require.ErrorIs(t, err, net.ErrClosed)
}

// Close and a deadline end calls that wait, and a write tells how much of it was
// sent.
func TestInterrupted(t *testing.T) {
	for name, interrupt := range map[string]struct {
		by   func(net.Conn) error
		want error
	}{
		"close":    {net.Conn.Close, net.ErrClosed},
		"deadline": {func(c net.Conn) error { return c.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			tested, other := pair(t)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := tested.Read(make([]byte, 1)); !errors.Is(err, interrupt.want) {
					t.Error("read:", err)
				}
			})
			sent := 0
			begun := make(chan struct{})
			wg.Go(func() {
				for chunk := make([]byte, 64<<10); ; {
					n, err := tested.Write(chunk)
					if sent == 0 {
						close(begun)
					}
					sent += n
					if err != nil {
						if !errors.Is(err, interrupt.want) {
							t.Error("write:", err)
						}
						return
					}
				}
			})
			<-begun // nobody reads, so that it will come to wait
			require.NoError(t, interrupt.by(tested))
			wg.Wait()
			if name == "deadline" {
				require.NoError(t, tested.Close())
				got, err := io.Copy(io.Discard, other)
				require.NoError(t, err)
				require.EqualValues(t, sent, got)
			}
		})
	}
}

// On returns a connection that is not TCP as it is.
func TestOnlyTCP(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	require.Same(t, a, rawio.On(a))
}
