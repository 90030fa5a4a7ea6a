package server_test

import (
	"bytes"
	stdtls "crypto/tls"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// These are types of RFC 8446, sections 4 and 5.1.
const (
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
	keyUpdate     = 24
)

// tee keeps all that is read from a connection.
type tee struct {
	*ftpclient.TCPConn
	all bytes.Buffer
}

func (c *tee) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.all.Write(p[:n])
	return n, err
}

// Row 48: a client that asks for new keys in the middle of a download, as Java does
// by itself, gets the new keys before the next data, and the whole file.
func TestKeyUpdateDuringDownload(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 300_000)
	ts := start(t)
	ts.writeFile(t, "a", content)
	c := ts.login(t)
	raw := &tee{TCPConn: c.dataTCP(c.pasv()).(*ftpclient.TCPConn)}
	c.cmd(150, "RETR a")
	server, client := updating(t, c, raw)
	for range 3 {
		_, err := raw.Write(client.update())
		require.NoError(t, err)
	}
	got, answered := server.read(t, raw)
	c.expect(226)
	require.Equal(t, len(content), len(got))
	require.Equal(t, 3, answered)
}

// crypto/tls takes 16 requests for new keys without data from the client in
// between, and during a download the client sends none. One request more ends the
// download, and the reply says so.
func TestTooManyKeyUpdatesDuringDownload(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1_000_000) // more than the kernel takes at once
	ts := start(t)
	ts.writeFile(t, "a", content)
	for requests, code := range map[int]int{16: 226, 17: 426} {
		c := ts.login(t)
		raw := &tee{TCPConn: c.dataTCP(c.pasv()).(*ftpclient.TCPConn)}
		c.cmd(150, "RETR a")
		server, client := updating(t, c, raw)
		var all []byte
		for range requests {
			all = append(all, client.update()...)
		}
		_, err := raw.Write(all)
		require.NoError(t, err)
		if code == 226 {
			got, answered := server.read(t, raw)
			require.Equal(t, []int{len(content), requests}, []int{len(got), answered})
		} else {
			_, _ = io.Copy(io.Discard, raw.TCPConn) // the server reads the requests while it sends
		}
		c.expect(code)
		raw.Close()
	}
}

// updating does the handshake on a data connection. It returns the keys by which
// the server sends, and those by which the client asks for new keys.
func updating(t *testing.T, c *client, raw *tee) (server, client *keyUpdater) {
	t.Helper()
	keys := new(testenv.Buffer)
	cfg := c.TLS.Clone()
	cfg.KeyLogWriter, cfg.MinVersion = keys, stdtls.VersionTLS13
	sec := stdtls.Client(raw, cfg)
	require.NoError(t, sec.HandshakeContext(t.Context()))
	client = updater(t, keys, sec.ConnectionState().CipherSuite, 0)
	_, line, _ := strings.Cut(keys.String(), "SERVER_TRAFFIC_SECRET_0 ")
	secret, err := hex.DecodeString(strings.Fields(line)[1])
	require.NoError(t, err)
	return &keyUpdater{t, client.suite, secret, 0}, client
}

// read reads to close_notify, and counts the server's updates of its keys.
func (u *keyUpdater) read(t *testing.T, raw *tee) (data []byte, updates int) {
	t.Helper()
	raw.SetDeadline(time.Now().Add(patience))
	all := io.MultiReader(bytes.NewReader(bytes.Clone(raw.all.Bytes())), raw.TCPConn)
	begun := false
	for {
		record := make([]byte, 5)
		_, err := io.ReadFull(all, record)
		require.NoError(t, err, "after %d bytes", len(data))
		record = append(record, make([]byte, int(record[3])<<8+int(record[4]))...)
		_, err = io.ReadFull(all, record[5:])
		require.NoError(t, err)
		if record[0] != typeData {
			continue // of the handshake, in clear
		}
		typ, p, err := u.open(record)
		if err != nil && !begun {
			continue // of the handshake, with keys of their own
		}
		require.NoError(t, err)
		begun = true
		switch {
		case typ == typeData:
			data = append(data, p...)
		case typ == typeHandshake && p[0] == keyUpdate:
			require.EqualValues(t, 0, p[4], "an answer must not ask again")
			updates++
			u.next()
		case typ == typeAlert:
			require.Equal(t, []byte{1, 0}, p, "no close_notify")
			return data, updates
		}
	}
}
