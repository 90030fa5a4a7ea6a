package server_test

import (
	"bytes"
	"context"
	stdtls "crypto/tls"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/memnet"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// A session of the fuzz test gets the commands in one of these states.
const (
	fuzzFresh    = iota // nothing was said
	fuzzIn              // logged in
	fuzzSecure          // logged in after AUTH TLS
	fuzzStoring         // an upload is running
	fuzzSending         // a download is running
	fuzzFallback        // TLS is required and was not asked for
	fuzzStates
)

// FuzzSession feeds a whole session with arbitrary bytes. Whatever they are,
// every line gets exactly one well-formed final reply until the session ends,
// the session does end, and nothing of it is left.
func FuzzSession(f *testing.F) {
	for state := range uint8(fuzzStates) {
		for _, seed := range fuzzSeeds {
			f.Add(state, []byte(strings.ReplaceAll(seed, "\n", "\r\n")))
		}
	}
	cfg := certificate()
	f.Fuzz(func(t *testing.T, state uint8, stream []byte) {
		if len(stream) > 16<<10 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) { fuzzSession(t, cfg, state%fuzzStates, stream) })
	})
}

func fuzzSession(t *testing.T, cfg *tls.Config, state uint8, stream []byte) {
	var network memnet.Net
	ports, err := passive.Range("21000-21003")
	require.NoError(t, err)
	ports.Listen = network.Listen
	srv := &server.Server{
		Driver: driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
			return &driver.Account{FS: fuzzFiles(t)}, nil
		}),
		TLS: cfg, Passive: ports, InsecurePlaintext: state != fuzzFallback, Active: new(server.Active), Compress: true, AllowSymlink: true,
	}
	ln := listenMem(t, &network, explicitPort)
	go srv.Serve(ln)
	synctest.Wait()
	defer func() {
		require.NoError(t, srv.Close())
		defer ports.Close()
		require.Zero(t, ports.Stats().Leases+ports.Stats().Untaken+ports.Stats().Waiting)
		require.Empty(t, srv.Sessions())
	}()

	conn, _ := network.Connect(netip.AddrPortFrom(memClient, 50000), netip.AddrPortFrom(memServer, explicitPort), 1<<20)
	defer conn.Close()
	c := &fuzzClient{net: &network, conn: conn, replies: wire.NewLineReader(conn, 1<<16)}
	require.NoError(t, c.reach(state, cfg))
	want := fuzzLines(stream)
	_, err = c.conn.Write(stream)
	require.NoError(t, err)
	if c.held != nil {
		// The commands come while the transfer runs.
		defer c.held.Close()
		release := time.AfterFunc(time.Second, func() { finish(c.held) })
		defer release.Stop()
	}
	got, last, err := c.finals(want + c.pending)
	switch {
	case err == nil:
		require.Equal(t, want+c.pending, got)
		if last == 221 || last == 421 {
			_, err := c.read()
			require.ErrorIs(t, err, io.EOF)
			return
		}
		synctest.Wait()
		require.Zero(t, conn.Unread(), "one reply more than commands, after %d", last)
		if last == 234 && bytes.HasSuffix(stream, []byte("\n")) {
			require.NoError(t, c.secure(cfg))
			require.NoError(t, c.say("NOOP", 200))
		}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && last == 234:
		// Only these replies end a session before its client does: after 234 the
		// bytes that follow are no TLS.
		require.Contains(t, []int{221, 234, 421}, last, "ended after %d of %d replies", got, want)
	default:
		require.NoError(t, err, "after %d of %d replies, the last of which is %d", got, want, last)
	}
}

// fuzzLines returns how many lines a stream has, with telnet commands taken out.
func fuzzLines(stream []byte) (n int) {
	for r := wire.NewLineReader(bytes.NewReader(stream), 4096); ; n++ {
		if _, err := r.ReadLine(); err != nil && !errors.Is(err, wire.ErrLineTooLong) {
			return n
		}
	}
}

// fuzzFiles returns a small tree of files.
func fuzzFiles(t testing.TB) driver.FS {
	m := driver.Mem()
	require.NoError(t, m.Mkdir(context.Background(), "d"))
	writeFile(t, m, "a", "some\r\ncontent\n")
	writeFile(t, m, "d/b", strings.Repeat("0123456789", 30000))
	return m
}

// fuzzClient answers 227 and 229 with a data connection that sends a little, closes
// its half, and swallows what comes. It reads replies as strictly as package wire
// does.
type fuzzClient struct {
	net     *memnet.Net
	conn    interface{ io.ReadWriter }
	replies *wire.LineReader
	pending int          // final replies still owed when the fuzzing begins
	held    *memnet.Conn // the data connection of the running transfer
	hold    bool
}

func (c *fuzzClient) reach(state uint8, cfg *tls.Config) error {
	if err := c.say("", 220); err != nil || state == fuzzFresh || state == fuzzFallback {
		return err
	}
	var lines []string
	if state == fuzzSecure {
		if err := c.say("AUTH TLS", 234); err != nil {
			return err
		}
		if err := c.secure(cfg); err != nil {
			return err
		}
	}
	if err := errors.Join(c.say("USER u", 331), c.say("PASS p", 230)); err != nil {
		return err
	}
	switch state {
	case fuzzStoring:
		lines = []string{"PASV", "STOR new"}
	case fuzzSending:
		lines = []string{"PASV", "RETR d/b"}
	}
	for i, line := range lines {
		c.hold = true
		if err := c.say(line, []int{227, 150}[i]); err != nil {
			return err
		}
		c.pending = i
	}
	c.hold = false
	return nil
}

func (c *fuzzClient) secure(cfg *tls.Config) error {
	client := trust(cfg)
	client.InsecureSkipVerify = true // the fake clock starts before the certificate does
	sec := stdtls.Client(patient{c.conn.(*memnet.Conn)}, client)
	c.conn, c.replies = sec, wire.NewLineReader(sec, 1<<16)
	return sec.Handshake()
}

func (c *fuzzClient) say(line string, code int) error {
	if line != "" {
		if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
			return err
		}
	}
	r, err := c.read()
	if err == nil && r.Code != code {
		err = errors.New(string(r.Append(nil)))
	}
	return err
}

// finals reads so many final replies.
func (c *fuzzClient) finals(want int) (got, last int, err error) {
	for got < want {
		r, err := c.read()
		if err != nil {
			return got, last, err
		}
		if r.Code >= 200 {
			got, last = got+1, r.Code
		}
	}
	return got, last, nil
}

func (c *fuzzClient) read() (wire.Reply, error) {
	r, err := wire.ReadReply(c.replies)
	if err != nil {
		return r, err
	}
	for _, line := range r.Lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return r, errors.New("what breaks a line in " + line)
		}
	}
	switch r.Code {
	case 227:
		at, err := wire.ParsePasvReply(r.Lines[0])
		if err != nil {
			return r, err
		}
		c.connect(at.Port())
	case 229:
		port, err := wire.ParseEPSVReply(r.Lines[0])
		if err != nil {
			return r, err
		}
		c.connect(port)
	}
	return r, nil
}

// connect opens a data connection, unless the next command has already given up the
// port that the reply announced.
func (c *fuzzClient) connect(port uint16) {
	data, _ := c.net.Connect(netip.AddrPortFrom(memClient, 50001), netip.AddrPortFrom(memServer, port), 1<<10)
	if data == nil {
		return
	}
	if c.hold {
		c.held = data
		return
	}
	go finish(data)
}

// finish ends a data connection as a client does that wants nothing but the end of
// the transfer.
func finish(data *memnet.Conn) {
	io.WriteString(data, "uploaded\n")
	data.CloseWrite()
	io.Copy(io.Discard, data)
	data.Close()
}

var fuzzSeeds = []string{
	"", "\n", "\n\n", "NOOP\n", "NOOP", "\xff\xf4\xff\xf2ABOR\n", "\x00\n", "QUIT\nNOOP\n",
	"USER u\nPASS p\nPWD\nTYPE I\nPASV\nLIST -al\nEPSV\nMLSD\nPASV\nRETR a\nQUIT\n",
	"FEAT\nHELP\nHELP RETR\nHELP NOPE\nSITE HELP\nSYST\nSTAT\nSTAT /\nSTAT -l a\nSTAT *\nOPTS UTF8 ON\nOPTS MLST size;type;\nOPTS MLST\nOPTS X\nOPTS UTF8 OFF\n",
	"AUTH TLS\nUSER x\n", "AUTH TLS-P\n", "AUTH SSL\n", "AUTH GSSAPI\n", "PBSZ 0\nPROT P\nPROT C\nPROT S\nPROT E\nPROT X\nPBSZ x\nCCC\nADAT x\n",
	"REIN\nUSER v\nPASS\nREIN\n", "USER\nPASS\nUSER a b\nPASS  \nACCT x\nHOST x.org\nHOST a b\nHOST [::1]\n",
	"PASV\nSTOR n\nRETR n\nSIZE n\nTYPE I\nSIZE n\nMDTM n\nDELE n\nDELE n\n",
	"EPSV\nAPPE a\nPASV\nSTOU\nPASV\nSTOU a\nPASV\nNLST\nPASV\nNLST *\nPASV\nLIST d\nPASV\nLIST nope\nPASV\nMLSD a\n",
	"REST 3\nPASV\nRETR a\nREST 5\nPASV\nSTOR a\nTYPE I\nREST 5\nPASV\nSTOR a\nREST 99999999\nPASV\nRETR a\nREST -1\nREST x\nREST 18446744073709551616\n",
	"EPSV ALL\nPASV\nPORT 198,51,100,7,8,0\nEPRT |1|198.51.100.7|2048|\nEPSV 1\nEPSV 2\nEPSV 3\n",
	"PORT 198,51,100,7,0,25\nPORT 1,2,3,4,8,0\nPORT x\nEPRT |2|::1|99|\nEPRT |3|x|1|\nLPRT 6\nLPSV\n",
	"MKD e\nMKD e\nCWD e\nMKD f/g\nCDUP\nXCUP\nCWD ..\nCWD /\nCWD\nRMD e\nRMD d\nRNFR a\nRNTO z\nRNFR z\nNOOP\nRNTO a\nRNTO b\n",
	"MLST\nMLST a\nMLST nope\nMFMT 20260101000000 a\nMFCT 20260101000000 a\nMFMT x a\nMFF Modify=20260101000000;UNIX.mode=644; a\nMFF x=1; a\nMDTM 20260101000000 a\nAVBL\nAVBL d\n",
	"SITE CHMOD 644 a\nSITE CHMOD 644\nSITE CHMOD\nSITE CHMOD 99999 a\nSITE CHGRP x a\nSITE UTIME 20260101000000 a\nSITE UTIME a 20260101000000 20260101000000 20260101000000 UTC\nSITE SYMLINK a l\nSITE MKDIR q\nSITE RMDIR q\nSITE NOPE\nSITE\n",
	"TYPE A\nTYPE A N\nTYPE A T\nTYPE E\nTYPE L 8\nTYPE L 7\nTYPE X\nSTRU F\nSTRU R\nMODE S\nMODE Z\nMODE B\nALLO 5\nALLO 5 R 3\nALLO x\nCLNT x\nCSID Name=x;\nLANG\nLANG de\nLANG en-GB\nSMNT x\n",
	"HASH a\nRANG 1 2\nHASH a\nRANG 1 0\nRANG 2 1\nRANG 0 18446744073709551616\nHASH d\nOPTS HASH MD5\nHASH a\nXCRC a\nXMD5 \"a\" 1 2\nXSHA1 a 1\nXSHA256 a 9 9\nXSHA512 d\n",
	"MODE Z\nOPTS MODE Z LEVEL 9\nPASV\nSTOR z\nPASV\nRETR a\nPASV\nNLST\nREST 2\nPASV\nRETR a\nMODE S\n",
	"COMB n a b\nCOMB \"n m\" a\nCOMB a a\nCOMB\nCOMB d a\nSITE CPFR a\nSITE CPTO c\nSITE CPTO c\nSITE CPFR a\nNOOP\nSITE CPTO c\nSITE CPFR d\n",
	"GET / HTTP/1.1\nHost: x\n\n", "EHLO x\nMAIL FROM:<a@b>\n", "STARTTLS\n",
	"ABOR\nSTAT\nNOOP\nPWD\nABOR\nSTAT a\nQUIT\n", "PASV\nABOR\nRETR a\nPASV\nPASV\nRETR a\nABOR\n", "NOOP\nAUTH TLS\n", "PWD\nAUTH TLS\nPWD\n",
	strings.Repeat("NOOP\n", 100), strings.Repeat("PWD\n", 100), strings.Repeat("x", 5000) + "\nNOOP\n",
	"RETR " + strings.Repeat("a/", 2000) + "\n", "CWD \xff\xff\nCWD \xc3\x28\nRETR %s%n\nMKD \"x\"\nPWD\nMKD a\x1b[0m\nMKD \x9b\nMKD -l\nLIST -l -- -l\n",
	"STAT {a,b}{a,b}{a,b}\nSTAT */../*/../*\nSTAT [a\nSTAT ********a\nNLST */*\n", "CWD d\nRETR ../a\nSIZE b\nPASV\nRETR b\nCWD b\nCWD ~\n",
}
