package main

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThief shows what counts as stolen, on a data port that accepts whoever
// connects first.
func TestThief(t *testing.T) {
	l := &load{instance: &instance{addr: "127.0.0.1:1"}, setup: emptySetup(t)}
	cert, err := tls.LoadX509KeyPair(l.cert, l.key)
	require.NoError(t, err)
	d, err := l.dialer()
	require.NoError(t, err)
	d.from = otherAddress
	what := content{5, smallSize}
	file := string(what.at(0))
	secure := func(conn net.Conn) net.Conn {
		return tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	inClear := func(conn net.Conn) net.Conn { return conn }
	speaks := &tls.Config{RootCAs: d.roots, ServerName: "localhost"}
	for _, c := range []struct {
		name  string
		thief *tls.Config
		port  func(net.Conn) net.Conn
		sends string
		loot  int
	}{
		{"TLS", speaks, secure, file, 1},
		{"TLS, one byte", speaks, secure, file[:1], 1},
		{"TLS, nothing", speaks, secure, "", 0},
		{"TLS, refused", speaks, inClear, "\x15\x03\x03\x00\x02\x02\x28", 0},
		{"silent, in clear", nil, inClear, file, 1},
		{"silent, an alert", nil, inClear, "\x15\x03\x03\x00\x02\x02\x28", 0},
		{"silent, another file", nil, inClear, string(content{6, smallSize}.at(0)), 0},
		{"silent, nothing", nil, inClear, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer ln.Close()
			served := make(chan error, 1)
			go func() {
				conn, err := ln.Accept()
				if err == nil {
					conn = c.port(conn)
					_, err = io.WriteString(conn, c.sends)
					conn.Close()
				}
				served <- err
			}()
			thief := &thief{dialer: d, ctx: within(t), what: what, tls: c.thief}
			thief.lurk(ln.Addr().String())
			require.NotNil(t, thief.conn)
			require.NoError(t, <-served)
			thief.got <- <-thief.got // waits until the thief has read all
			thief.leave()
			require.Nil(t, thief.conn)
			require.Equal(t, c.loot, thief.loot)
			thief.leave()
		})
	}

	nowhere := &thief{dialer: d, ctx: within(t), what: what}
	nowhere.lurk("127.0.0.1:1")
	nowhere.leave()
	require.Zero(t, nowhere.loot)
}
