package server_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// A connection may come to a data port before PASV, while a session of another address waits there.
// It gets nothing of a client at its own address that sends PASV later, although the data of that
// client is in clear.
func TestConnectionBeforePASV(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) { srv.Passive = onePort(t) })
	ts.writeFile(t, "a", "secret")
	at := ts.login(t).pasv()
	before, err := stranger(t, at)
	require.NoError(t, err)
	eventually(t, "the connection", func() bool { return ts.Passive.Stats().Unproven == 1 })

	conn, err := stranger(t, ts.Addr)
	require.NoError(t, err)
	c := newClient(t, conn, nil)
	c.expect(220)
	c.login()
	require.Equal(t, at[len("127.0.0.1"):], c.pasv()[len("127.0.0.1"):])
	c.cmd(150, "RETR a")
	own, err := stranger(t, at)
	require.NoError(t, err)
	require.Equal(t, "secret", readAll(t, own))
	c.expect(226)
	got, _ := io.ReadAll(before)
	require.Empty(t, got)
}
