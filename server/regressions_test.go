package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// These are bugs that other servers in Go have or had. Some have tests of their
// own: a rejected data peer kept (TestPasvTheft), TLS decided at PASV
// (TestProtectionDowngrade), no deadline on implicit connections
// (TestHandshakeTimeout), reservations that never expire (TestLeaseTime), PORT
// after PASV (TestPortReplacesPasv), a file truncated before its data connection
// exists (TestOverwriteAccidents), ABOR behind the accept (TestAbortAtOnce).

// PASV over IPv6 has no address to tell and must not keep a port.
func TestPasvOverIPv6KeepsNoPort(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	ts := start(t, insecure, func(srv *server.Server) { srv.Passive = onePort(t) })
	done := make(chan error)
	go func() { done <- ts.Serve(ln) }()
	defer func() { ts.Close(); <-done }()
	c := newClient(t, dialTCP(t, ln.Addr().String()), nil)
	c.expect(220)
	c.login()
	for range 5 {
		require.Contains(t, c.cmd(425, "PASV").String(), "EPSV")
		require.Zero(t, ts.Passive.Stats().Leased)
	}
	c.cmd(522, "EPSV 1")
	conn := c.dataTCP(c.epsv())
	c.cmd(150, "LIST")
	readAll(t, conn)
	c.expect(226)
}

// A session gives up only its own port, though others share the address.
func TestAbortFreesOwnLeaseOnly(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "content")
	a, b := ts.loginClear(t), ts.loginClear(t)
	at := b.pasv()
	a.pasv()
	a.cmd(226, "ABOR")
	a.pasv()
	a.cmd(221, "QUIT")
	conn := b.dataTCP(at)
	b.cmd(150, "RETR a")
	require.Equal(t, "content", readAll(t, conn))
	b.expect(226)
}

// STAT and NOOP during a transfer are replies of their own.
func TestStatDuringTransfer(t *testing.T) {
	ts := start(t)
	c := ts.login(t)
	conn := c.open("STOR a")
	for range 20 {
		io.WriteString(conn, "x")
		r := c.cmd(211, "STAT")
		require.Contains(t, r.String(), "STOR /a")
		require.Equal(t, "211 End", r.Lines[len(r.Lines)-1])
		c.cmd(200, "NOOP")
	}
	c.write("STAT\r\nPWD\r\nNOOP\r\n") // PWD waits for the transfer, and NOOP waits behind PWD
	c.expect(211)
	conn.Close()
	c.expect(226)
	c.expect(257)
	c.expect(200)
}

// records counts the TLS records that come in.
type records struct {
	net.Conn
	count, left int
	header      []byte
}

func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if r.left > 0 {
			m := min(r.left, len(b))
			r.left, b = r.left-m, b[m:]
			continue
		}
		r.header = append(r.header, b[0])
		b = b[1:]
		if len(r.header) == 5 {
			r.count++
			r.left = int(binary.BigEndian.Uint16(r.header[3:]))
			r.header = nil
		}
	}
	return n, err
}

// Neither a listing nor a text file is sent line by line.
func TestFewRecords(t *testing.T) {
	ts := start(t)
	for i := range 1000 {
		ts.writeFile(t, fmt.Sprintf("file-%04d", i), "")
	}
	ts.writeFile(t, "text", strings.Repeat("a line\n", 20_000))
	c := ts.login(t)
	c.cmd(200, "TYPE A")
	for _, line := range []string{"LIST", "NLST", "MLSD", "RETR text"} {
		conn := &records{Conn: c.dataTCP(c.pasv())}
		c.cmd(150, "%s", line)
		got := readAll(t, c.dataTLS(conn))
		c.expect(226)
		require.LessOrEqual(t, conn.count, 10+len(got)/(16<<10), "%s: %d bytes", line, len(got))
	}
}

// A name is never taken for a format.
func TestPercentInNames(t *testing.T) {
	ts := start(t, insecure)
	c := ts.loginClear(t)
	for _, name := range []string{"%s", "%d%n", "100%"} {
		require.Equal(t, `257 "/`+name+`" created.`, c.cmd(257, "MKD %s", name).String())
		require.Equal(t, `250 "/`+name+`" is the current directory.`, c.cmd(250, "CWD %s", name).String())
		require.NotContains(t, c.cmd(213, "STAT .").String(), "%!")
		c.cmd(250, "CWD ..")
		require.Contains(t, c.cmd(213, "STAT /").String(), name)
		require.NotContains(t, c.cmd(213, "STAT /").String(), "%!")
	}
}

// The mode in a listing has ten characters, whatever bits are set.
func TestModeHasTenCharacters(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sticky"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(dir, "sticky"), 0o777|os.ModeSticky|os.ModeSetgid))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "set"), nil, 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dir, "set"), 0o755|os.ModeSetuid|os.ModeSetgid))
	require.NoError(t, os.Symlink("set", filepath.Join(dir, "link")))
	c := start(t, insecure, inDir(t, dir)).loginClear(t)
	for line := range strings.Lines(c.get("LIST")) {
		mode, _, _ := strings.Cut(line, " ")
		require.Len(t, mode, 10, line)
		require.Contains(t, "-dl", mode[:1])
	}
}

func TestSiteChmodWithOneArgument(t *testing.T) {
	ts := start(t, insecure, symlinks)
	ts.writeFile(t, "a", "")
	c := ts.loginClear(t)
	for _, line := range []string{"SITE", "SITE CHMOD", "SITE CHMOD 644", "SITE CHMOD  ", "SITE CHMOD a", "SITE CHGRP x", "SITE UTIME", "SITE UTIME a", "SITE SYMLINK a", "MFMT", "MFMT 20200101000000", "MFF", "MFF modify=20200101000000;"} {
		c.cmd(501, "%s", line)
	}
	c.cmd(200, "SITE CHMOD 600 a")
}

// USER after a login leaves nothing of the old login: no files, no working
// directory, no RNFR or REST.
func TestUserForgetsTheOld(t *testing.T) {
	hash, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	hers := driver.Mem()
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.Users{"alice": {Hash: hash, Files: driver.Mem()}, "bob": {Hash: hash, Files: hers}}
	})
	c := ts.dial(t)
	c.cmd(331, "USER alice")
	c.cmd(230, "PASS 0123456789abcdef")
	c.cmd(257, "MKD d")
	c.cmd(250, "CWD d")
	c.cmd(350, "RNFR /d")
	c.pasv()
	c.cmd(331, "USER bob")
	require.Empty(t, ts.Sessions()[0].User)
	for _, line := range []string{"PWD", "LIST", "RNTO x", "STOR a", "STAT /"} {
		c.cmd(530, "%s", line)
	}
	c.cmd(530, "PASS wrong")
	c.cmd(530, "PWD")
	c.cmd(331, "USER bob")
	c.cmd(230, "PASS 0123456789abcdef")
	require.Contains(t, c.cmd(257, "PWD").String(), `"/"`)
	c.cmd(503, "RNTO x")
	c.cmd(425, "STOR a")
	c.cmd(550, "CWD d")
}

// A client that sends all its commands and then closes its half gets all
// commands done, including commands behind a transfer.
func TestCommandsBeforeTheEnd(t *testing.T) {
	ts := start(t, insecure)
	c := ts.loginClear(t)
	conn := c.dataTCP(c.pasv())
	c.cmd(150, "STOR a")
	c.write("MKD d\r\nPWD\r\nMKD e\r\nDELE")
	closeWrite(c.Conn)
	io.WriteString(conn, "x")
	conn.Close()
	c.expect(226, 426)
	c.expect(257)
	c.expect(257)
	c.expect(257)
	c.end()
	for _, name := range []string{"d", "e"} {
		_, err := ts.FS.Stat(t.Context(), name)
		require.NoError(t, err)
	}
}
