package proxyproto

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	pires "github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	client   = netip.MustParseAddrPort("198.51.100.7:40000")
	dialled  = netip.MustParseAddrPort("203.0.113.9:21")
)

// header returns what a balancer sends for a client.
func header(version byte, client, dialled netip.AddrPort) []byte {
	h := pires.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(dialled))
	raw, err := h.Format()
	if err != nil {
		panic(err)
	}
	return raw
}

// localHeader returns what a balancer sends for a health check.
func localHeader(version byte) []byte {
	raw, err := pires.HeaderProxyFromAddrs(version, nil, nil).Format()
	if err != nil {
		panic(err)
	}
	return raw
}

// journal is a log to look into.
type journal struct{ testenv.Buffer }

// lines counts the lines that hold a text.
func (j *journal) lines(text string) (n int) {
	for line := range strings.Lines(j.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// door is a listener on loopback whose connections arrive in a channel.
type door struct {
	*Listener
	log  *journal
	came chan net.Conn
}

// open wraps a listener, or opens one for data, and accepts until the test ends.
func open(t *testing.T, p *Protocol, data bool) *door {
	t.Helper()
	d := &door{log: new(journal), came: make(chan net.Conn, 2*maxPending)}
	if p.Logger == nil {
		p.Logger = d.log.logger()
	}
	if data {
		ln, err := p.ListenData(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		d.Listener = ln.(*Listener)
	} else {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		d.Listener = p.Wrap(ln)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := d.Accept()
			if err != nil {
				return
			}
			d.came <- c
		}
	}()
	t.Cleanup(func() {
		d.Close()
		<-done
		close(d.came)
		for c := range d.came {
			c.Close()
		}
	})
	return d
}

// dial connects and sends.
func (d *door) dial(t *testing.T, raw ...[]byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", d.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	for _, b := range raw {
		_, _ = c.Write(b) // it may have been refused by now
	}
	return c
}

// turnedAway asserts that a connection is refused at once, which may happen
// before the connecting side knows that it was there.
func (d *door) turnedAway(t *testing.T, raw []byte) {
	t.Helper()
	c, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		return
	}
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, _ = c.Write(raw)
	refused(t, c)
}

func (d *door) next(t *testing.T) net.Conn {
	t.Helper()
	select {
	case c := <-d.came:
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		return c
	case <-time.After(patience):
		t.Fatal("no connection is handed over")
		return nil
	}
}

// refused asserts that the server closed a connection without a byte.
func refused(t *testing.T, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// echo asserts that bytes go through both ways.
func echo(t *testing.T, c, s net.Conn, sent string) {
	t.Helper()
	got := make([]byte, len(sent))
	_, err := io.ReadFull(s, got)
	require.NoError(t, err)
	require.Equal(t, sent, string(got))
	_, err = io.Copy(s, strings.NewReader("back"))
	require.NoError(t, err)
	got = make([]byte, 4)
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, "back", string(got))
}
