package proxyproto

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Refused is told of each control connection that is turned away, with the reason. It
// is not told of port checks; of data connections only the log tells.
func TestRefused(t *testing.T) {
	type refusal struct{ from, reason string }
	var mu sync.Mutex
	var all []refusal
	protocol := func(trusted ...netip.Prefix) *Protocol {
		return &Protocol{Trusted: trusted, Refused: func(conn net.Conn, reason error) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, refusal{conn.RemoteAddr().String(), reason.Error()})
		}}
	}
	take := func() (taken []refusal) {
		mu.Lock()
		defer mu.Unlock()
		taken, all = all, nil
		return taken
	}

	d := open(t, protocol(netip.MustParsePrefix("192.0.2.0/24")), false)
	d.turnedAway(t, header(2, client, dialled))
	got := take()
	require.Len(t, got, 1)
	require.Contains(t, got[0].from, "127.0.0.1:")
	require.Equal(t, "proxyproto: it comes from outside of the trusted networks", got[0].reason)

	d = open(t, protocol(loopback...), false)
	d.turnedAway(t, []byte("USER alice\r\n"))
	got = take()
	require.Len(t, got, 1)
	require.Contains(t, got[0].reason, "its PROXY header is missing or wrong: ")
	c := d.dial(t)
	require.NoError(t, c.Close())
	d.dial(t, header(2, client, dialled))
	d.next(t)
	require.Empty(t, take())

	d = open(t, protocol(loopback...), true)
	d.turnedAway(t, []byte("USER alice\r\n"))
	require.Empty(t, take())
}

// A panic of the embedder's functions, as the connection is refused, costs neither the
// process nor the listener.
func TestRefusedPanics(t *testing.T) {
	var lines testenv.Buffer
	for _, trusted := range []netip.Prefix{loopback[0], netip.MustParsePrefix("192.0.2.0/24")} {
		for _, handler := range []slog.Handler{slog.NewTextHandler(&lines, nil), slog.NewTextHandler(panicWriter{}, nil)} {
			d := open(t, &Protocol{
				Trusted: []netip.Prefix{trusted},
				Refused: func(net.Conn, error) { panic("boom") },
				Logger:  slog.New(handler),
			}, false)
			for range 2 {
				d.turnedAway(t, []byte("USER alice\r\n"))
			}
		}
	}
	require.Equal(t, 4, strings.Count(lines.String(), "Refused panicked: boom"))
}

type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("boom") }
