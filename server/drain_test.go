package server_test

import (
	stdtls "crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// meddling is what clients send on the data connection of a download.
var meddling = map[string]struct {
	secure bool
	send   func(t *testing.T, data net.Conn)
}{
	"nothing in clear":   {false, func(*testing.T, net.Conn) {}},
	"a byte in clear":    {false, func(t *testing.T, data net.Conn) { meddle(t, data, "x") }},
	"much in clear":      {false, func(t *testing.T, data net.Conn) { meddle(t, data, strings.Repeat("x", 100_000)) }},
	"FIN in clear":       {false, func(t *testing.T, data net.Conn) { require.NoError(t, data.(*ftpclient.TCPConn).CloseWrite()) }},
	"nothing under TLS":  {true, func(*testing.T, net.Conn) {}},
	"a byte under TLS":   {true, func(t *testing.T, data net.Conn) { meddle(t, data, "x") }},
	"much under TLS":     {true, func(t *testing.T, data net.Conn) { meddle(t, data, strings.Repeat("x", 100_000)) }},
	"early close_notify": {true, func(t *testing.T, data net.Conn) { require.NoError(t, data.(*stdtls.Conn).CloseWrite()) }},
	"FIN under TLS":      {true, func(t *testing.T, data net.Conn) { require.NoError(t, tcpOf(data).CloseWrite()) }},
	"close_notify, bytes": {true, func(t *testing.T, data net.Conn) {
		require.NoError(t, data.(*stdtls.Conn).CloseWrite())
		meddle(t, tcpOf(data), "x")
	}},
}

func meddle(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

func tcpOf(data net.Conn) *ftpclient.TCPConn {
	return data.(*stdtls.Conn).NetConn().(*ftpclient.TCPConn)
}

// Row 48: a download that is answered with 226 arrives whole, whatever the client
// sends on its data connection. A kernel that closes a socket with input unread
// resets the connection, and loses what it had not delivered yet.
func TestDownloadsAreNotCut(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 50_000)
	for name, m := range meddling {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			ts.writeFile(t, "a", content)
			c := ts.loginClear(t)
			if m.secure {
				c = ts.login(t)
			}
			data := c.open("RETR a")
			// A small buffer here has the data that the client has not read wait at
			// the server.
			raw, ok := data.(*ftpclient.TCPConn)
			if !ok {
				raw = tcpOf(data)
			}
			require.NoError(t, raw.SetReadBuffer(32<<10))
			m.send(t, data)
			slowly := make([]byte, len(content)-100_000)
			_, err := io.ReadFull(data, slowly)
			require.NoError(t, err)
			c.expect(226) // does not wait for the client to read the rest
			time.Sleep(20 * time.Millisecond)
			if !strings.Contains(name, "FIN") && !strings.Contains(name, "close_notify") {
				meddle(t, data, "more")
			}
			require.Equal(t, 100_000, len(readAll(t, data)))
		})
	}
}

// A client that doesn't end its side holds a connection for some seconds and no
// longer, and the server needs no goroutine for it.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	ts := start(t, insecure)
	ts.writeFile(t, "a", "content")
	c := ts.loginClear(t)
	data := c.open("RETR a")
	require.Equal(t, "content", readAll(t, data))
	c.expect(226)
	eventually(t, "the end of the connection", func() bool {
		_, err := io.WriteString(data, "x") // fails at last, when RST has answered
		return err != nil
	})
}

// The number of connections that one address can hold open that way is bounded.
func TestDrainsAreBounded(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "content")
	c := ts.loginClear(t)
	first := c.open("RETR a")
	c.expect(226)
	for range 256 {
		data := c.open("RETR a")
		c.expect(226)
		require.Equal(t, "content", readAll(t, data))
	}
	// The first connection made room for others. What the server had sent on it has
	// arrived nonetheless.
	require.Equal(t, "content", readAll(t, first))
	eventually(t, "the end of the first connection", func() bool {
		_, err := io.WriteString(first, "x")
		return err != nil
	})
}

// Shutdown lets what was sent arrive; Close does not wait.
func TestShutdownWaitsForDrains(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "content")
	c := ts.loginClear(t)
	data := c.open("RETR a")
	c.expect(226)
	meddle(t, data, "x")
	done := make(chan error, 1)
	go func() { done <- ts.Shutdown(t.Context()) }()
	c.expect(421)
	select {
	case err := <-done:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	require.Equal(t, "content", readAll(t, data))
	data.Close()
	require.NoError(t, <-done)
}
