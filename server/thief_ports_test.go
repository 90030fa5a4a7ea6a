package server_test

import (
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// A thief with an account is at the address of two clients that have proved themselves. On both of
// two data ports the thief shows all tickets that he has overheard or has himself, while the
// clients wait there and while he does. He gets nothing.
func TestThiefOnTwoPorts(t *testing.T) {
	for _, version := range []uint16{stdtls.VersionTLS12, stdtls.VersionTLS13} {
		for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
			for _, elsewhere := range []bool{false, true} {
				t.Run(fmt.Sprint(tls.VersionName(version), " ", policy, " elsewhere ", elsewhere), func(t *testing.T) {
					t.Parallel()
					robTwoPorts(t, version, policy, elsewhere)
				})
			}
		}
	}
}

func robTwoPorts(t *testing.T, version uint16, policy tls.Reuse, elsewhere bool) {
	ports, err := passive.Range(testenv.FreePortSet(t, 2))
	require.NoError(t, err)
	ts := start(t, everybody, func(srv *server.Server) { srv.SessionReuse, srv.Passive = policy, ports })
	ts.writeFile(t, "a", "secret")
	enter := func(user string) *client {
		cfg := ts.Config.Clone()
		cfg.MaxVersion, cfg.ClientSessionCache = version, new(keeper)
		return ts.loginOf(t, user, cfg)
	}
	owners := []*client{enter("one"), enter("two")}
	thief := enter("thief")
	require.Equal(t, "secret", thief.get("RETR a"))
	var seen []sniffed
	for _, c := range owners {
		seen = append(seen, sniff(t, c, "a"))
	}
	visit := func(at string, say func(net.Conn)) {
		dial := thief.dataTCP
		if elsewhere {
			dial = func(at string) net.Conn {
				conn, err := stranger(t, at)
				if err != nil {
					return nil // refused
				}
				return conn
			}
		}
		conn := dial(at)
		if conn == nil {
			return
		}
		conn.SetDeadline(time.Now().Add(patience))
		raw := &heard{Conn: conn}
		done := make(chan struct{})
		go func() {
			defer close(done)
			say(raw)
			io.Copy(io.Discard, raw)
		}()
		t.Cleanup(func() {
			conn.Close()
			<-done
			require.NotContains(t, string(raw.read), "secret")
		})
	}
	tls := func(cfg *stdtls.Config) func(net.Conn) {
		return func(conn net.Conn) {
			got, _ := io.ReadAll(stdtls.Client(conn, cfg))
			if len(got) > 0 {
				t.Errorf("the thief got %q", got)
			}
		}
	}
	for range 3 {
		ways := []func(net.Conn){
			func(net.Conn) {},
			tls(never(thief.TLS)),
			func(conn net.Conn) { conn.Write(seen[0].hello) },
			seen[1].shown(t, ts, version),
		}
		at := []string{owners[0].pasv(), owners[1].pasv()}
		own := thief.pasv()
		for i, say := range ways {
			visit(at[i%2], say)
			visit(at[1-i%2], say)
		}
		for _, c := range owners {
			c.cmd(150, "RETR a")
		}
		for i := range owners {
			if at[i] != own {
				visit(at[i], tls(thief.TLS)) // his own ticket, on the other port
			}
		}
		for i, c := range owners {
			require.Equal(t, "secret", readAll(t, c.dataTLS(c.dataTCP(at[i]))))
			c.expect(226)
			require.True(t, ts.lastTransfer(t).Resumed)
		}
	}
}
