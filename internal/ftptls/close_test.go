package ftptls

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

func TestTruncation(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for _, big := range []int{10, 1 << 20} {
			l := newLayer(t)
			for name, cut := range map[string]func(c net.Conn) error{
				"orderly": net.Conn.Close,
				"cut":     func(c net.Conn) error { return c.(interface{ NetConn() net.Conn }).NetConn().Close() },
			} {
				// The client ends, the server sees it.
				d, client, err := data(t, l.Session(), tls.Prefer, l.client(version))
				require.NoError(t, err)
				go func() {
					client.Write(make([]byte, big))
					cut(client)
				}()
				got, err := io.ReadAll(d)
				require.NoError(t, err)
				require.Len(t, got, big)
				require.Equal(t, name == "cut", d.Truncated())
			}
			// The server is cut; written bytes are not said to have arrived.
			d, client, err := data(t, l.Session(), tls.Prefer, l.client(version))
			require.NoError(t, err)
			_, err = d.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, d.NetConn().Close())
			require.ErrorContains(t, d.Close(), "written data was lost")
			client.Close()
		}
	})
}

func TestTruncatedInsideRecord(t *testing.T) {
	l := newLayer(t)
	d, client, err := data(t, l.Session(), tls.Prefer, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	_, err = client.NetConn().Write(record(100)[:50])
	require.NoError(t, err)
	client.NetConn().Close()
	_, err = io.ReadAll(d)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// The client hears close_notify also when a transfer was called off.
func TestCloseAlwaysNotifies(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		for _, reads := range []bool{false, true} {
			d, client, err := data(t, l.Session(), tls.Prefer, l.client(version))
			require.NoError(t, err)
			d.SetDeadline(time.Unix(1, 0)) // a transfer that was called off
			if reads {
				_, err = d.Read(make([]byte, 1))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			require.NoError(t, d.Close())
			_, err = client.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, client.Close())
		}
		s := l.Session()
		control, client := login(t, s, l.client(version))
		control.SetDeadline(time.Unix(1, 0))
		require.NoError(t, control.Close())
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// After CloseWrite the connection can still be read.
func TestCloseWriteKeepsReading(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		for _, k := range []kind{kindControl, kindData} {
			server, conn := pipe(t)
			c := newConn(l.Session(), server, k, tls.Prefer)
			require.Error(t, c.CloseWrite(), "before the handshake")
			client, err := shake(t, c, conn, l.client(version))
			require.NoError(t, err)
			require.NoError(t, c.CloseWrite())
			require.NoError(t, c.CloseWrite(), "twice does no harm")
			_, err = c.Write([]byte("x"))
			require.Error(t, err)
			_, err = io.ReadAll(client)
			require.NoError(t, err)
			client.Write([]byte("late"))
			client.Close()
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, "late", string(got))
			require.NoError(t, c.Close())
		}
	})
}

// A client that takes nothing delays Close by little, and data that did not
// leave is an error.
func TestCloseWithStalledClient(t *testing.T) {
	l := newLayer(t)
	d, _, err := data(t, l.Session(), tls.Prefer, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	d.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = d.Write(make([]byte, 1<<20))
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	before := time.Now()
	require.ErrorContains(t, d.Close(), "written data was lost")
	require.Less(t, time.Since(before), closeTimeout)

	// Without a failed write before, Close waits as long as it may.
	d, client, err := data(t, l.Session(), tls.Prefer, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	for _, conn := range []net.Conn{d.NetConn(), client.NetConn()} {
		tcp := rawio.TCP(conn)
		require.NoError(t, tcp.SetReadBuffer(64<<10)) // or it grows meanwhile
		require.NoError(t, tcp.SetWriteBuffer(64<<10))
	}
	fillSocket(t, d.NetConn())
	_, err = d.Write(make([]byte, 200<<10))
	require.NoError(t, err)
	before = time.Now()
	require.ErrorContains(t, d.Close(), "written data was lost")
	took := time.Since(before)
	require.Greater(t, took, closeTimeout/2)
	require.Less(t, took, 5*closeTimeout)
}

// fillSocket writes until the kernel takes nothing more at all.
func fillSocket(t *testing.T, conn net.Conn) {
	for n := 1; n > 0; {
		conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		var err error
		n, err = conn.Write(make([]byte, 1<<20))
		if n < 1<<20 {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
	}
	conn.SetWriteDeadline(time.Time{})
}

// Close by another goroutine breaks a transfer off and leaves no buffer behind.
func TestCloseDuringTransfer(t *testing.T) {
	for n := range 20 {
		l := newLayer(t)
		d, client, err := data(t, l.Session(), tls.Prefer, l.client(tls.VersionTLS13))
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() {
			block := make([]byte, 100<<10)
			for err := error(nil); err == nil; {
				_, err = d.Write(block)
			}
		})
		wg.Go(func() { io.Copy(io.Discard, d) })
		wg.Go(func() {
			block := make([]byte, 100<<10)
			for err := error(nil); err == nil; {
				_, err = client.Write(block)
			}
		})
		wg.Go(func() {
			if n%2 == 0 { // or it reads nothing, and d blocks
				io.Copy(io.Discard, client)
			}
		})
		time.Sleep(time.Duration(n%10) * time.Millisecond)
		before := time.Now()
		d.Close()
		require.Less(t, time.Since(before), 5*closeTimeout)
		client.Close()
		wg.Wait()
		require.ErrorIs(t, d.Close(), net.ErrClosed)
		_, err = d.Write([]byte("x"))
		require.Error(t, err)
		_, err = d.Read(make([]byte, 1))
		require.Error(t, err)
	}
	require.Zero(t, buffersOut.Load())
}
