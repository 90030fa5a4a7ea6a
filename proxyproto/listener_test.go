package proxyproto

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/loglimit"
)

func TestAddresses(t *testing.T) {
	for _, data := range []bool{false, true} {
		d := open(t, &Protocol{Trusted: loopback}, data)
		for _, version := range []byte{1, 2} {
			raw := header(version, client, dialled)
			c := d.dial(t, raw, []byte("hello"))
			s := d.next(t)
			require.Equal(t, client.String(), s.RemoteAddr().String())
			require.Equal(t, dialled.String(), s.(*Conn).DialledAddr().String())
			require.Equal(t, c.RemoteAddr().String(), s.LocalAddr().String())
			require.IsType(t, &net.TCPConn{}, s.(*Conn).NetConn())
			echo(t, c, s, "hello")
		}
	}
}

func TestSplitHeader(t *testing.T) {
	d := open(t, &Protocol{Trusted: loopback}, false)
	for _, version := range []byte{1, 2} {
		c := d.dial(t)
		for _, b := range append(header(version, client, dialled), "hello"...) {
			_, err := c.Write([]byte{b})
			require.NoError(t, err)
			time.Sleep(100 * time.Microsecond)
		}
		s := d.next(t)
		require.Equal(t, client.String(), s.RemoteAddr().String())
		echo(t, c, s, "hello")
	}
}

// Without Direct only connections through a balancer get in, and the log names
// those that tried otherwise, though not each time.
func TestUntrusted(t *testing.T) {
	d := open(t, &Protocol{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, false)
	for range 20 {
		d.turnedAway(t, header(2, client, dialled))
		d.turnedAway(t, nil)
	}
	require.Equal(t, loglimit.Burst, d.log.lines("from outside of the trusted networks"))
	require.Contains(t, d.log.String(), "from=127.0.0.1:")
	require.Empty(t, d.came)
}

func TestZeroRefusesEverybody(t *testing.T) {
	d := open(t, &Protocol{}, false)
	d.turnedAway(t, nil)
	require.ErrorContains(t, (&Protocol{}).Validate(), "proxyproto: Trusted is empty")
	require.ErrorContains(t, (&Protocol{Trusted: make([]netip.Prefix, 1)}).Validate(), "proxyproto: Trusted holds an invalid prefix")
	require.ErrorContains(t, (&Protocol{Trusted: loopback, Timeout: -1}).Validate(), "proxyproto: Timeout is -1ns")
	require.NoError(t, (&Protocol{Trusted: loopback}).Validate())
}

func TestDirect(t *testing.T) {
	p := &Protocol{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Direct: true}
	d := open(t, p, false)
	c := d.dial(t, []byte("USER alice\r\n"))
	s := d.next(t)
	require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
	echo(t, c, s, "USER alice\r\n")

	// A header from outside of Trusted is refused.
	for _, version := range []byte{1, 2} {
		c = d.dial(t, header(version, client, dialled))
		s = d.next(t)
		require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
		_, err := s.Read(make([]byte, 100))
		require.ErrorIs(t, err, net.ErrClosed)
		refused(t, c)
	}
	require.Equal(t, 2, d.log.lines("a PROXY header comes from outside"))

	// A file on a data connection may begin like a header.
	d = open(t, p, true)
	c = d.dial(t, header(1, client, dialled))
	s = d.next(t)
	require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
	echo(t, c, s, string(header(1, client, dialled)))
}

func TestTrustedNetworks(t *testing.T) {
	p := &Protocol{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:192.168.0.0/120"), netip.MustParsePrefix("fe80::/10")}}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.168.0.9": true, "fe80::1%eth0": true,
		"11.0.0.1": false, "192.168.1.9": false, "2001:db8::1": false, "::1": false,
	} {
		a := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 1))
		require.Equal(t, want, p.trusts(a), addr)
	}
	require.False(t, p.trusts(&net.UnixAddr{}))
}

func TestBadHeaders(t *testing.T) {
	d := open(t, &Protocol{Trusted: loopback}, false)
	for _, raw := range []string{"USER alice\r\n", "\x16\x03\x01", "PROXY what is this\r\n", "\r\n\r\n\x00\r\nQUIT\n\xff\xff\xff\xff"} {
		refused(t, d.dial(t, []byte(raw)))
	}
	require.Equal(t, 4, d.log.lines("missing or wrong"))
	require.Empty(t, d.came)
}

// Checks of a balancer end at once, or want to see a greeting. The log has no
// line about either.
func TestHealthChecks(t *testing.T) {
	for _, data := range []bool{false, true} {
		d := open(t, &Protocol{Trusted: loopback}, data)
		for _, raw := range [][]byte{nil, localHeader(1), localHeader(2)} {
			for _, linger := range []int{-1, 0} {
				c := d.dial(t, raw)
				c.(*net.TCPConn).SetLinger(linger)
				c.Close()
			}
		}
		// HAProxy's check by version 1 names the connection's own addresses.
		c, err := net.Dial("tcp", d.Addr().String())
		require.NoError(t, err)
		if !data {
			c.Write(header(1, plain(c.LocalAddr().(*net.TCPAddr)), plain(c.RemoteAddr().(*net.TCPAddr))))
		}
		c.Close()
		for _, version := range []byte{1, 2} {
			for _, say := range []string{"", "QUIT"} {
				c := d.dial(t, localHeader(version), []byte(say))
				if data {
					refused(t, c)
					continue
				}
				s := d.next(t)
				require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
				echo(t, c, s, say)
			}
		}
		d.Close()
		require.Empty(t, d.came)
		require.Empty(t, d.log.String())
	}
}

// Hundreds of connections that send nothing keep no other out, not even for a
// moment.
func TestFlood(t *testing.T) {
	d := open(t, &Protocol{Trusted: loopback}, false)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range maxPending / 2 {
				c, err := net.Dial("tcp", d.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.Write([]byte("PROXY"))
			}
		})
		start := time.Now()
		c := d.dial(t, header(2, client, dialled), []byte("hello"))
		echo(t, c, d.next(t), "hello")
		require.Less(t, time.Since(start), defaultTimeout)
	}
	all.Wait()
	d.mu.Lock()
	require.LessOrEqual(t, len(d.reading), maxPending)
	d.mu.Unlock()
}

// Close ends what is under way, wherever it is.
func TestClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := (&Protocol{Trusted: loopback}).Wrap(ln)
	dial := func(raw []byte) net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		c.Write(raw)
		return c
	}
	first := dial(header(1, client, dialled))
	s, err := l.Accept()
	require.NoError(t, err)
	defer s.Close()
	waits, reads := dial(header(1, client, dialled)), dial([]byte("PROXY"))
	for end := time.Now().Add(patience); len(l.slots) < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, l.Close())
	require.Error(t, l.Close())
	refused(t, waits)
	refused(t, reads)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	first.Write([]byte("hello"))
	echo(t, first, s, "hello") // it was accepted

	// A listener that was never used ends when the one below is closed.
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = (&Protocol{Trusted: loopback}).Wrap(ln)
	ln.Close()
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// Errors of the listener below reach Accept, and the Listener goes on.
func TestAcceptErrors(t *testing.T) {
	failing := &script{conns: make(chan result, 2)}
	l := (&Protocol{Trusted: loopback}).Wrap(failing)
	defer l.Close()
	failing.conns <- result{err: errors.New("too many open files")}
	_, err := l.Accept()
	require.ErrorContains(t, err, "too many open files")
	ours, theirs := pipe("127.0.0.1:9")
	defer ours.Close()
	failing.conns <- result{conn: theirs}
	go ours.Write(header(1, client, dialled))
	c, err := l.Accept()
	require.NoError(t, err)
	c.Close()
}

// The time for a header is exact, and the connection ends with the time.
func TestSlow(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second} {
		for _, sent := range []string{"", "PROXY TCP4 1.2.3.4 "} {
			synctest.Test(t, func(t *testing.T) {
				log := new(journal)
				ln := &script{conns: make(chan result, 2)}
				l := (&Protocol{Trusted: loopback, Timeout: timeout, Logger: log.logger()}).Wrap(ln)
				defer l.Close()
				accepted := make(chan net.Conn, 1)
				go func() {
					if c, err := l.Accept(); err == nil {
						accepted <- c
					}
				}()
				start := time.Now()
				slow, theirs := pipe("127.0.0.1:9")
				ln.conns <- result{conn: theirs}
				_, err := io.WriteString(slow, sent)
				require.NoError(t, err)
				quick, theirs := pipe("127.0.0.1:9")
				defer quick.Close()
				ln.conns <- result{conn: theirs}
				quick.Write(header(2, client, dialled))
				c := <-accepted
				require.Zero(t, time.Since(start), "the quick one waits for the slow one")

				_, err = slow.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
				require.Equal(t, want, time.Since(start))
				synctest.Wait()
				require.Equal(t, 1, log.lines("does not come"))
				// The time does not limit what follows the header.
				time.Sleep(time.Hour)
				go io.WriteString(quick, "x")
				_, err = c.Read(make([]byte, 1))
				require.NoError(t, err)
			})
		}
	}
}

// script is a listener whose connections and errors come from a channel.
type script struct {
	conns chan result
	once  sync.Once
}

func (s *script) Accept() (net.Conn, error) {
	r, ok := <-s.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return r.conn, r.err
}
func (s *script) Close() error   { s.once.Do(func() { close(s.conns) }); return nil }
func (s *script) Addr() net.Addr { return &net.TCPAddr{} }

// pipe is a connection in memory that comes from an address.
func pipe(from string) (ours, theirs net.Conn) {
	a, b := net.Pipe()
	return a, &named{b, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
}

type named struct {
	net.Conn
	from net.Addr
}

func (n *named) RemoteAddr() net.Addr { return n.from }

func TestNoLogger(t *testing.T) {
	require.NotPanics(t, func() { (&Protocol{}).report(kindHeader, "x", nil) })
}
