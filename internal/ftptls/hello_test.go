package ftptls

import (
	"bytes"
	stdtls "crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// identify starts a client's handshake and returns what Identify says of it.
func identify(t *testing.T, l *Layer, cfg *tls.Config) (owner string, replay net.Conn, client *stdtls.Conn) {
	t.Helper()
	server, conn := pipe(t)
	client = stdtls.Client(conn, cfg)
	go client.Handshake()
	owner, replay, err := l.Identify(server)
	require.NoError(t, err)
	return owner, replay, client
}

// The ClientHello tells whose ticket it offers before anything is answered, and the handshake on replay then goes on as
// usual.
func TestWhose(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, cfg := l.Session(), l.client(version)
		login(t, s, cfg)
		owner, replay, client := identify(t, l, cfg)
		require.Equal(t, s.ID(), owner)
		d := s.Data(replay, tls.Require)
		defer d.Close()
		require.NoError(t, d.HandshakeContext(t.Context()))
		require.True(t, d.Resumed())
		_, err := d.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, d.CloseWrite())
		got, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))

		owner, _, _ = identify(t, l, l.client(version))
		require.Empty(t, owner, "no ticket")
		owner, _, _ = identify(t, newLayer(t), cfg)
		require.Empty(t, owner, "another server's ticket")
	})
}

// Identify can be interrupted at any byte, and nothing is lost.
func TestWhoseInterrupted(t *testing.T) {
	l := newLayer(t)
	server, conn := pipe(t)
	_, err := conn.Write([]byte("\x16\x03\x01"))
	require.NoError(t, err)
	server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	owner, replay, err := l.Identify(server)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Empty(t, owner)
	require.NoError(t, replay.SetReadDeadline(time.Time{}))
	_, err = conn.Write([]byte("rest"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	got, err := io.ReadAll(replay)
	require.NoError(t, err)
	require.Equal(t, "\x16\x03\x01rest", string(got))
}

// Bytes that are no ClientHello are found at once to claim nothing.
func TestWhoseOther(t *testing.T) {
	for _, said := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01\x00\x00", "\x16\x03\x01\xff\xff", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", "\x16\x03\x01\x40\x00\x01\xff\xff\xff"} {
		l := newLayer(t)
		server, conn := pipe(t)
		_, err := io.WriteString(conn, said)
		require.NoError(t, err)
		owner, replay, err := l.Identify(server)
		require.NoError(t, err, "%q", said)
		require.Empty(t, owner)
		got := make([]byte, len(said))
		_, err = io.ReadFull(replay, got)
		require.NoError(t, err)
		require.Equal(t, said, string(got))
	}
}

// A client whose ClientHello nobody answers gets an alert, as long as nothing of it was read from replay. A client that
// does not speak TLS gets nothing.
func TestUnansweredHello(t *testing.T) {
	const alert = "\x15\x03\x03\x00\x02\x02\x31" // fatal, access_denied: RFC 8446, section 6
	l := newLayer(t)
	whole := string(hello(t, l, tls.VersionTLS13))
	for _, test := range []struct {
		said string
		read int
		want string
	}{{whole, 0, alert}, {whole, 1, ""}, {whole, len(whole), ""}, {"GET / HTTP/1.1\r\n", 0, ""}} {
		server, conn := pipe(t)
		_, err := io.WriteString(conn, test.said)
		require.NoError(t, err)
		_, replay, err := l.Identify(server)
		require.NoError(t, err)
		_, err = io.ReadFull(replay, make([]byte, test.read))
		require.NoError(t, err)
		require.NoError(t, replay.Close())
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, test.want, string(got))
	}
}

// A ClientHello may be longer than most are, up to a bound at which nothing more is read.
func TestLongHello(t *testing.T) {
	l := newLayer(t)
	s, cfg := l.Session(), l.client(tls.VersionTLS13)
	login(t, s, cfg)
	for i := range 500 {
		cfg.NextProtos = append(cfg.NextProtos, fmt.Sprintf("protocol number %d", i))
	}
	owner, replay, _ := identify(t, l, cfg)
	require.Equal(t, s.ID(), owner)
	require.Greater(t, len(replay.(*replayConn).head), 4*helloRoom)

	endless := "\x16\x03\x01\x40\x00\x01\x00\x40\x00" + strings.Repeat("x", maxHello)
	_, replay, err := l.Identify(&scriptedConn{r: iotest.OneByteReader(strings.NewReader(endless))})
	require.ErrorIs(t, err, errHelloTooLong)
	require.Len(t, replay.(*replayConn).head, maxHello)
}

// A ClientHello spread over many records is found all the same, at whatever bytes it is cut (RFC 8446, section 5.1).
func TestHelloInRecords(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		whole := hello(t, l, version)
		want, missing := clientHello(whole)
		require.False(t, missing)
		require.NotEmpty(t, slices.Collect(tickets(want)))
		for _, size := range []int{1, 3, 4, 5, len(whole) - 6, len(whole) - 5} {
			var cut []byte
			for part := range slices.Chunk(whole[5:], size) {
				cut = append(append(cut, 22, 3, 1, byte(len(part)>>8), byte(len(part))), part...)
			}
			got, missing := clientHello(cut)
			require.False(t, missing)
			require.Equal(t, want, got, "in records of %d bytes", size)
			got, missing = clientHello(cut[:len(cut)-1])
			require.True(t, missing)
			require.Nil(t, got)
		}
	})
}

// A record may be as long as the RFC allows, and a message as long as maxHello.
func TestHelloBounds(t *testing.T) {
	for said, want := range map[string]bool{
		"\x16\x03\x01\x48\x00":                 true, // 16 KiB and 2 KiB: RFC 5246, section 6.2.3
		"\x16\x03\x01\x48\x01":                 false,
		"\x16\x03\x01\x00\x04\x01\x00\x40\x00": true, // maxHello
		"\x16\x03\x01\x00\x04\x01\x00\x40\x01": false,
	} {
		_, missing := clientHello([]byte(said))
		require.Equal(t, want, missing, "%x", said)
	}
}

// sized puts the length of what follows before it.
func sized(bytes int, parts ...string) string {
	s := strings.Join(parts, "")
	n := string([]byte{byte(len(s) >> 8), byte(len(s))})
	return n[2-bytes:] + s
}

// The tickets of a ClientHello are found, whatever else is in it and whatever is wrong with it.
func TestTickets(t *testing.T) {
	const before = 2 + 32
	head := strings.Repeat("v", before) + sized(1, "session") + sized(2, "ciphers") + sized(1, "c")
	other := "\x00\x00" + sized(2, "name")
	psk := func(ids ...string) string {
		return "\x00\x29" + sized(2, sized(2, ids...), sized(2, "binders"))
	}
	id := func(ticket string) string { return sized(2, ticket) + "aged" }
	for _, test := range []struct {
		extensions string
		want       []string
	}{
		{sized(2), nil},
		{"", nil},
		{sized(2, other), nil},
		{sized(2, other, "\x00\x23"+sized(2, "old"), other), []string{"old"}},
		{sized(2, "\x00\x23"+sized(2), other), nil},
		{sized(2, other, psk(id("one"), id("two"))), []string{"one", "two"}},
		{sized(2, psk(id(""), id("two"))), []string{"two"}},
		{sized(2, "\x00\x23"+sized(2, "old"), psk(id("new"))), []string{"old", "new"}},
		{sized(2, "\x00\x23\x00\x04old"), nil},
		{sized(2, "\x00\x29\x00\x05"+"\x00\x03"+"\x00\x02x"), nil},
		{"\x00\xff" + other, nil},
	} {
		var got []string
		for ticket := range tickets([]byte(head + test.extensions)) {
			got = append(got, string(ticket))
		}
		require.Equal(t, test.want, got, "%q", test.extensions)
	}
	// A caller that has what it wants may stop.
	for range tickets([]byte(head + sized(2, psk(id("one"), id("two")), "\x00\x23"+sized(2, "old")))) {
		break
	}
}

// A key share counts if it is of the group and not empty, wherever it stands.
func TestOffersShare(t *testing.T) {
	head := strings.Repeat("v", 2+32) + sized(1) + sized(2) + sized(1)
	share := func(group, key string) string { return group + sized(2, key) }
	const x25519, other = "\x00\x1d", "\x11\xec"
	for extensions, want := range map[string]bool{
		"": false,
		"\x00\x33" + sized(2, sized(2, share(x25519, "key"))):                               true,
		"\x00\x33" + sized(2, sized(2, share(other, "longer"), share(x25519, "k"))):         true,
		"\x00\x33" + sized(2, sized(2, share(other, "longer"))):                             false,
		"\x00\x33" + sized(2, sized(2, share(x25519, ""))):                                  false,
		"\x00\x33" + sized(2, sized(2)):                                                     false,
		"\x00\x0a" + sized(2, sized(2, share(x25519, "key"))):                               false,
		"\x00\x00" + sized(2, "name") + "\x00\x33" + sized(2, sized(2, share(x25519, "k"))): true,
	} {
		require.Equal(t, want, offersShare([]byte(head+sized(2, extensions)), tls.X25519), "%q", extensions)
	}
}

// Tickets issued on a data connection tell whose they are, except on a connection that had proved nothing.
func TestWhoseOfDataTickets(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for _, proved := range []bool{true, false} {
			l := newLayer(t)
			s, cfg := l.Session(), l.client(version)
			login(t, s, cfg)
			if !proved {
				cfg = l.client(version)
			}
			d, client, err := data(t, s, tls.Prefer, cfg)
			require.NoError(t, err)
			require.Equal(t, proved, d.Resumed())
			_, err = d.Write([]byte("hello"))
			require.NoError(t, err)
			require.NoError(t, d.CloseWrite())
			_, err = io.ReadAll(client)
			require.NoError(t, err)
			owner, replay, _ := identify(t, l, cfg)
			if proved {
				require.Equal(t, s.ID(), owner)
			} else {
				require.Empty(t, owner)
			}
			next := s.Data(replay, tls.Prefer)
			defer next.Close()
			require.NoError(t, next.HandshakeContext(t.Context()))
			require.Equal(t, proved, next.Resumed())
		}
	})
}

// A client with one cache for several sessions offers the ticket of any of them. The tickets of one owner's sessions
// are as good as each other, unless the policy is Require.
func TestSharedCache(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		first, second, stranger := l.Session(), l.Session(), l.Session()
		first.SetOwner("alice@192.0.2.1")
		second.SetOwner("alice@192.0.2.1")
		stranger.SetOwner("bob@192.0.2.1")
		require.Equal(t, "alice@192.0.2.1", l.Owner(first.ID()))
		require.Empty(t, l.Owner("nobody"))
		cfg := l.client(version)
		control, _ := login(t, first, cfg)
		require.Empty(t, control.Offered())
		control, _ = login(t, second, cfg)
		require.Equal(t, "alice@192.0.2.1", control.Offered())

		owner, _, _ := identify(t, l, cfg)
		require.Equal(t, second.ID(), owner)
		d, _, err := data(t, first, tls.Prefer, cfg)
		require.NoError(t, err)
		require.True(t, d.Resumed())
		login(t, second, cfg)
		_, _, err = data(t, first, tls.Require, cfg)
		require.ErrorIs(t, err, tls.ErrForeign)
		login(t, second, cfg)
		_, _, err = data(t, stranger, tls.Prefer, cfg)
		require.ErrorIs(t, err, tls.ErrForeign)

		// The ticket of a session that has ended is as good, while the owner has another session.
		login(t, second, cfg)
		second.Close()
		require.Equal(t, "alice@192.0.2.1", l.Owner(second.ID()))
		d, _, err = data(t, first, tls.Prefer, cfg)
		require.NoError(t, err)
		require.True(t, d.Resumed())

		// Without another session it is as good as none.
		third := l.Session()
		third.SetOwner("alice@192.0.2.1")
		login(t, third, cfg)
		third.Close()
		first.Close()
		require.Empty(t, l.Owner(second.ID()))
		owner, _, _ = identify(t, l, cfg)
		require.Empty(t, owner)
		_, _, err = data(t, stranger, tls.Prefer, cfg)
		require.NoError(t, err)
	})
}

// hello is a real ClientHello that offers a ticket.
func hello(t testing.TB, l *Layer, version uint16) []byte {
	cfg := l.client(version)
	login(t, l.Session(), cfg)
	server, conn := pipe(t)
	go stdtls.Client(conn, cfg).Handshake()
	_, replay, err := l.Identify(server)
	require.NoError(t, err)
	return bytes.Clone(replay.(*replayConn).head)
}

func FuzzClientHello(f *testing.F) {
	l := newLayer(f)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		whole := hello(f, l, v)
		f.Add(whole)
		// The same message in two records.
		f.Add(append(append([]byte("\x16\x03\x01\x00\x03"), whole[5:8]...), append([]byte{0x16, 3, 1, byte((len(whole) - 8) >> 8), byte(len(whole) - 8)}, whole[8:]...)...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, missing := clientHello(in)
		require.False(t, missing && body != nil)
		for n := range in {
			part, more := clientHello(in[:n])
			if !more {
				require.Equal(t, body, part, "more bytes change nothing once it is known")
				break
			}
		}
		read := 0
		for ticket := range tickets(body) {
			read += len(ticket)
		}
		require.LessOrEqual(t, read, len(body))

		c := &scriptedConn{r: iotest.OneByteReader(bytes.NewReader(in))}
		_, replay, _ := l.Identify(c)
		got, err := io.ReadAll(replay)
		require.NoError(t, err)
		require.Equal(t, string(in), string(got), "nothing is lost")
	})
}

// scriptedConn is a connection that only reads.
type scriptedConn struct {
	net.Conn
	r io.Reader
}

func (c *scriptedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Row 41: a ClientHello that somebody overheard and repeats is no claim: it came before, on
// a connection that has proved whose it is.
func TestHelloRepeated(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, cfg := l.Session(), l.client(version)
		login(t, s, cfg)
		server, conn := pipe(t)
		var said bytes.Buffer
		client := stdtls.Client(conn, cfg)
		go client.Handshake()
		owner, replay, err := l.Identify(recording{server, &said})
		require.NoError(t, err)
		require.Equal(t, s.ID(), owner)
		hello := bytes.Clone(said.Bytes())
		d := s.Data(replay, tls.Prefer)
		require.NoError(t, d.HandshakeContext(t.Context()))
		require.True(t, d.Resumed())
		d.Close()

		server, conn = pipe(t)
		go conn.Write(hello)
		owner, _, err = l.Identify(server)
		require.ErrorIs(t, err, errReplayed)
		require.Empty(t, owner)
	})
}

// recording keeps what is read.
type recording struct {
	net.Conn
	said *bytes.Buffer
}

func (r recording) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.said.Write(p[:n])
	return n, err
}

// The memory of ClientHellos is bounded, and forgets the oldest.
func TestReplaysAreBounded(t *testing.T) {
	r := replays{seed: maphash.MakeSeed()}
	random := func(n int) (b [randomSize]byte) {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		return b
	}
	for i := range 3 * maxReplays {
		r.add(random(i))
		r.add(random(i))
		require.True(t, r.has(random(i)))
	}
	require.Len(t, r.set, maxReplays)
	require.False(t, r.has(random(0)))
	require.True(t, r.has(random(2*maxReplays)))
}
