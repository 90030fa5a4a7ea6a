package server_test

import (
	"bytes"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 7: commands that came in clear behind AUTH TLS are dropped.
func TestStartTLSInjection(t *testing.T) {
	ts := start(t)
	for _, rest := range []string{"USER x\r\n", "USER x\r\nPASS y\r\nDELE a\r\n", "\r\n\r\n"} {
		c := ts.dial(t)
		c.write("AUTH TLS\r\n" + rest)
		c.expect(234)
		c.upgrade()
		c.cmd(503, "PASS %s", testPassword) // no USER was heard
		c.login()
		c.cmd(200, "NOOP") // no other reply is waiting
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, cmd := range ts.commands {
		require.NotContains(t, cmd.Line, "DELE")
	}
}

// Row 8: a client that asks TLS for another protocol is told so by TLS. A
// client that speaks another protocol hears one reply.
func TestCrossProtocol(t *testing.T) {
	ts := start(t)
	for proto, fine := range map[string]bool{"http/1.1": false, "h2": false, "imap": false, "ftp": true} {
		cfg := ts.Config.Clone()
		cfg.NextProtos = []string{proto}
		conn := stdtls.Client(dialTCP(t, ts.ImplicitAddr), cfg)
		err := conn.Handshake()
		if !fine {
			require.ErrorContains(t, err, "no application protocol", proto)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "ftp", conn.ConnectionState().NegotiatedProtocol)
	}
	for _, line := range []string{
		"GET / HTTP/1.1", "POST /x HTTP/1.1", "OPTIONS * HTTP/1.1", "HELO x", "EHLO x", "MAIL FROM:<a@b>", "STARTTLS", "get / HTTP/1.0",
	} {
		c := ts.dial(t)
		c.cmd(421, "%s", line)
		c.end()
	}
	c := ts.login(t)
	c.cmd(500, "GET /") // after a login GET is a mistake, not an attack
	c.cmd(200, "NOOP")
}

// Row 14: no pattern takes more than an instant.
func TestGlobBombs(t *testing.T) {
	ts := start(t, insecure)
	for i := range 100 {
		ts.writeFile(t, strings.Repeat("a", 200)+fmt.Sprint(i), "")
	}
	c := ts.loginClear(t)
	begin := time.Now()
	for _, pattern := range []string{
		"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "*/../*/../*/../*", strings.Repeat("*a", 1000) + "b",
		strings.Repeat("*", 4000) + "b", strings.Repeat("[a-z]", 700), strings.Repeat("?", 4000), "[", "[]", "[!", "*" + strings.Repeat("[!b]*", 500) + "b",
		strings.Repeat("*a", 127) + "b", "*[" + strings.Repeat("b", 250) + "]x", strings.Repeat("?", 255), strings.Repeat("[a-z]", 51),
	} {
		c.send("STAT %s", pattern)
		c.expect(213, 550, 501)
		data := c.dataTCP(c.pasv())
		c.send("NLST %s", pattern)
		if c.expect(150, 550, 501).Code == 150 {
			readAll(t, data)
			c.expect(226)
		}
	}
	require.Less(t, time.Since(begin), 10*time.Second)
}

// Row 15: LIST -R shows one directory.
func TestNoRecursion(t *testing.T) {
	ts := start(t, insecure)
	require.NoError(t, ts.FS.Mkdir(t.Context(), "d"))
	ts.writeFile(t, "d/deep", "")
	c := ts.loginClear(t)
	require.NotContains(t, c.get("LIST -R"), "deep")
	require.NotContains(t, c.get("LIST -lRa /"), "deep")
	require.NotContains(t, c.cmd(213, "STAT -R").String(), "deep")
}

// Row 16: options of ls have no effect and do no harm.
func TestListingOptions(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "-l", "")
	ts.writeFile(t, "x", "")
	c := ts.loginClear(t)
	for _, arg := range []string{
		"-", "--", "-l", "-al", "-la x", "--help", "-l -a -t -r", "-- -l", "--color=always", "-\x01", "-w 99999999999", "-I*", "-l;id", "-`id`", "-" + strings.Repeat("l", 4000),
	} {
		for _, verb := range []string{"LIST", "NLST"} {
			data := c.dataTCP(c.pasv())
			c.send("%s %s", verb, arg)
			if c.expect(150, 550, 501).Code == 150 {
				readAll(t, data)
				c.expect(226)
			}
		}
		c.send("STAT %s", arg)
		c.expect(213, 550, 501)
	}
	require.Equal(t, "-l\r\n", c.get("NLST -- -l"))
}

// Row 18: texts that are no numbers are refused as numbers.
func TestIntegers(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "0123456789")
	c := ts.loginClear(t)
	for _, n := range []string{"-1", "+1", "9223372036854775808", "18446744073709551616", "99999999999999999999999999", " 1", "1 ", "1 1", "0x10", "1e3", "1.5", "x", "１"} {
		c.cmd(501, "REST %s", n)
		c.cmd(501, "ALLO %s", n)
	}
	c.cmd(350, "REST 9223372036854775807")
	c.dataTCP(c.pasv())
	c.cmd(554, "RETR a")
	c.cmd(350, "REST 9223372036854775807")
	c.dataTCP(c.pasv())
	c.cmd(554, "STOR a")
	require.Equal(t, "0123456789", ts.readFile(t, "a"))
	c.cmd(200, "ALLO 9223372036854775807")
	c.put("x", "STOR b")
	require.Equal(t, "0123456789", c.get("RETR a")) // no REST is left over
}

// Row 19: a line of a megabyte is one mistake, and a line without an end takes
// no memory. TestIdleTimeoutDespiteBytes shows that such a line takes no time
// either.
func TestLongLines(t *testing.T) {
	ts := start(t, insecure)
	c := ts.dial(t)
	c.cmd(500, "%s", strings.Repeat("x", 1<<20))
	c.cmd(500, "NOOP %s", strings.Repeat("x", 1<<20))
	c.cmd(200, "NOOP %s", strings.Repeat("x", 4000))
	var before, after runtime.MemStats
	piece := bytes.Repeat([]byte("y"), 1<<20)
	runtime.ReadMemStats(&before)
	for range 4 {
		c.Conn.SetDeadline(time.Now().Add(patience))
		_, err := c.Conn.Write(piece)
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	c.cmd(500, "")
	c.cmd(200, "NOOP")
}

// Row 20: telnet commands are taken out of lines, however they are split.
func TestTelnet(t *testing.T) {
	ts := start(t, insecure)
	c := ts.loginClear(t)
	for _, b := range []byte("\xff\xf4\xff\xf2NO\xff\xfd\x01OP\r\n") {
		c.write(string([]byte{b}))
		runtime.Gosched()
	}
	c.expect(200)
	c.write(strings.Repeat("\xff", 100_000))
	c.write("\xf1NOOP\r\n")
	c.expect(200, 500)
	c.write("MKD \xff")
	c.write("\xffx\r\n")
	require.Equal(t, "257 \"/\xff\xffx\" created.", c.expect(257).String(), "0xFF travels doubled in both directions")
	require.Equal(t, "\xffx\r\n", c.get("NLST"), "but not as data")
	c.cmd(200, "NOOP")
}

// Row 21: odd bytes make the whole line void.
func TestOddBytes(t *testing.T) {
	ts := start(t, insecure)
	c := ts.loginClear(t)
	for _, line := range []string{
		"\x80\x81", "N\xc3\x96OP", "\n", "\r", "\x00", "\x01NOOP", " NOOP", "\tNOOP", "NO\x00OP", "NOOP\x00", "DELE a\x00b", "DELE a\rb",
		"\"", "'NOOP'", "NOOP;DELE a", "NOOP\tx", "A" + strings.Repeat("B", 16),
	} {
		c.send("%s", line)
		if line == "\n" || line == "\r" {
			c.expect(500)
			if line == "\n" {
				c.expect(500)
			}
			continue
		}
		c.expect(500)
	}
	c.cmd(500, "USER alice\x00evil")
	c.cmd(257, "PWD") // the login stands: nothing of the line was heard
	c.cmd(331, "USER \"alice")
	c.cmd(530, "PASS %s", testPassword)
}

// Row 22: a line that the end of the connection cuts is not a command.
func TestHalfLine(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "ab", "")
	ts.writeFile(t, "abc", "")
	c := ts.loginClear(t)
	c.write("DELE ab") // of DELE abc
	closeWrite(c.Conn)
	c.end()
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	ts.readFile(t, "ab")

	c = ts.loginClear(t)
	c.write("DELE ab\r") // without LF
	resetAtOnce(t, c.Conn)
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	ts.readFile(t, "ab")
}

// closeWrite sends FIN, unless the server was faster, and goes on reading.
func closeWrite(conn io.ReadWriteCloser) { conn.(interface{ CloseWrite() error }).CloseWrite() }
