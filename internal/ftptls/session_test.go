package ftptls

import (
	"bufio"
	stdtls "crypto/tls"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

func TestForeignTicket(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for reuse, want := range map[tls.Reuse]error{tls.Prefer: tls.ErrForeign, tls.Require: tls.ErrForeign, tls.Off: nil} {
			t.Run(reuse.String(), func(t *testing.T) {
				l := newLayer(t)
				mallory := l.client(version)
				login(t, l.Session(), mallory)
				alice := l.Session()
				login(t, alice, l.client(version))

				d, client, err := data(t, alice, reuse, mallory)
				require.ErrorIs(t, err, want)
				require.False(t, d.Resumed())
				if want == nil {
					return
				}
				_, err = client.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF, "an orderly end, with close_notify")
				_, err = d.Write([]byte("secret"))
				require.ErrorIs(t, err, want)
				_, err = d.Read(make([]byte, 1))
				require.ErrorIs(t, err, want)
			})
		}
	})
}

func TestNoTicket(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for reuse, want := range map[tls.Reuse]error{tls.Prefer: nil, tls.Require: tls.ErrNotResumed, tls.Off: nil} {
			l := newLayer(t)
			s := l.Session()
			login(t, s, l.client(version))
			d, _, err := data(t, s, reuse, l.client(version))
			require.ErrorIs(t, err, want)
			require.False(t, d.Resumed())
		}
	})
}

// A data connection that resumes its session relies on the control connection's
// hybrid key exchange; one that doesn't does a hybrid exchange of its own.
func TestKeyExchangeOfData(t *testing.T) {
	all := []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256}
	for name, test := range map[string]struct {
		server, client []tls.CurveID
		want           tls.CurveID
	}{
		"defaults":                  {nil, nil, tls.X25519},
		"named":                     {all, all, tls.X25519},
		"client without the share":  {nil, []tls.CurveID{tls.X25519MLKEM768, tls.CurveP256}, tls.X25519MLKEM768},
		"server without the group":  {[]tls.CurveID{tls.X25519MLKEM768, tls.CurveP256}, nil, tls.X25519MLKEM768},
		"nothing but classical":     {nil, []tls.CurveID{tls.X25519}, tls.X25519},
		"neither is what we prefer": {[]tls.CurveID{tls.CurveP256}, nil, tls.CurveP256},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := tls.SelfSigned()
			require.NoError(t, err)
			cfg.CurvePreferences = test.server
			l, err := NewLayer(cfg)
			require.NoError(t, err)
			fresh, client := l.client(tls.VersionTLS13), l.client(tls.VersionTLS13)
			fresh.CurvePreferences, client.CurvePreferences = test.client, test.client
			s := l.Session()
			_, control := login(t, s, client)
			full := control.ConnectionState()

			for range 2 {
				d, c, err := data(t, s, tls.Require, client)
				require.NoError(t, err)
				require.True(t, d.Resumed())
				require.Equal(t, test.want, c.ConnectionState().CurveID)
				require.False(t, c.ConnectionState().HelloRetryRequest && !full.HelloRetryRequest)
			}
			_, c, err := data(t, s, tls.Prefer, fresh)
			require.NoError(t, err)
			require.Equal(t, full.CurveID, c.ConnectionState().CurveID)
		})
	}
}

// A ticket that is not this session's, or no ticket at all, gives no right to the
// cheaper key exchange.
func TestKeyExchangeWithForeignTicket(t *testing.T) {
	l := newLayer(t)
	mallory := l.client(tls.VersionTLS13)
	login(t, l.Session(), mallory)
	s := l.Session()
	login(t, s, l.client(tls.VersionTLS13))
	_, c, err := data(t, s, tls.Off, mallory)
	require.NoError(t, err)
	require.Equal(t, tls.X25519MLKEM768, c.ConnectionState().CurveID)
}

// A client that kept its tickets over a restart of the server is like one
// that has none.
func TestTicketOfAnotherServer(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		cfg, err := tls.SelfSigned()
		require.NoError(t, err)
		before, err := NewLayer(cfg)
		require.NoError(t, err)
		after, err := NewLayer(cfg)
		require.NoError(t, err)
		client := before.client(version)
		login(t, before.Session(), client)

		d, _, err := data(t, after.Session(), tls.Prefer, client)
		require.NoError(t, err)
		require.False(t, d.Resumed())
		require.Zero(t, d.offered)

		client = before.client(version)
		login(t, before.Session(), client)
		_, _, err = data(t, after.Session(), tls.Require, client)
		require.ErrorIs(t, err, tls.ErrNotResumed)
	})
}

// A NewSessionTicket message that fills a record to the last byte is one record,
// and with a byte more it is two. The rest of the message has 17 bytes (RFC 8446,
// sections 4 and 4.6.1).
func TestTicketRecords(t *testing.T) {
	for ticket, want := range map[int]int{1: 1, 16384 - 17: 1, 16384 - 16: 2, 2*16384 - 17: 2, 2*16384 - 16: 3} {
		require.Equal(t, want, ticketRecords(ticket), "%d", ticket)
	}
}

// The next login of a client must not continue the session of its last one.
func TestControlNeverResumes(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		cfg := l.client(version)
		login(t, l.Session(), cfg)
		s := l.Session()
		control, _ := login(t, s, cfg)
		require.False(t, control.ConnectionState().DidResume)
		d, _, err := data(t, s, tls.Require, cfg)
		require.NoError(t, err)
		require.True(t, d.Resumed())
	})
}

// lftp and Go clients offer the same ticket over and over.
func TestOneTicketManyTimes(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, cfg := l.Session(), l.client(version)
		login(t, s, cfg)
		cfg.ClientSessionCache = stubborn{cfg.ClientSessionCache}
		for range 4 {
			_, _, err := data(t, s, tls.Require, cfg)
			require.NoError(t, err)
		}
	})
}

type stubborn struct{ stdtls.ClientSessionCache }

func (stubborn) Put(string, *stdtls.ClientSessionState) {}

func TestTicketsDisabled(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		cfg, err := tls.SelfSigned()
		require.NoError(t, err)
		cfg.SessionTicketsDisabled = true
		l, err := NewLayer(cfg)
		require.NoError(t, err)
		s, client := l.Session(), l.client(version)
		login(t, s, client)
		d, _, err := data(t, s, tls.Prefer, client)
		require.NoError(t, err)
		require.False(t, d.Resumed())
	})
}

func TestSessionIDs(t *testing.T) {
	l := newLayer(t)
	a, b := l.Session(), l.Session()
	require.Len(t, a.ID(), 2*idSize)
	require.NotEqual(t, a.ID(), b.ID())
}

// OpenSSL 3 uses a TLS 1.3 ticket once, so every data connection has to bring
// the next one.
func TestSingleUseTickets(t *testing.T) {
	openssl := testenv.NeedBinary(t, "openssl")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		t.Run(version, func(t *testing.T) {
			l := newLayer(t)
			s := l.Session()
			ticket := filepath.Join(t.TempDir(), "ticket")
			out := sClient(t, openssl, s.Control, version, "-sess_out", ticket)
			require.Contains(t, out, "New, TLSv1.")
			for range 3 {
				d := func(conn net.Conn) *Conn { return s.Data(conn, tls.Require) }
				out := sClient(t, openssl, d, version, "-sess_in", ticket, "-sess_out", ticket)
				require.Contains(t, out, "Reused, TLSv1.")
				require.Contains(t, out, "greetings")
			}
		})
	}
}

// sClient runs openssl against one connection that says "greetings" and ends.
func sClient(t *testing.T, openssl string, wrap func(net.Conn) *Conn, args ...string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	cmd := exec.Command(openssl, append([]string{"s_client", "-connect", ln.Addr().String()}, args...)...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close() // without input s_client would leave at once
	var out strings.Builder
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	conn, err := ln.Accept()
	require.NoError(t, err)
	c := wrap(conn)
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	require.NoError(t, c.HandshakeContext(t.Context()))
	_, err = c.Write([]byte("greetings\r\n"))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	io.Copy(io.Discard, bufio.NewReader(c))
	require.NoError(t, c.Close())
	cmd.Wait()
	return out.String()
}
