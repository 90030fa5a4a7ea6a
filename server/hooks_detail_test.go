package server_test

import (
	"context"
	stdtls "crypto/tls"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// lastCommand returns what Hooks.Command was told last, once the command told is
// line.
func (ts *testServer) lastCommand(t testing.TB, line string) (c server.Command) {
	t.Helper()
	eventually(t, "the hook of "+line, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		if len(ts.commands) == 0 {
			return false
		}
		c = ts.commands[len(ts.commands)-1]
		return c.Line == line
	})
	return c
}

// Hooks hear of each command with the path that the command means, and with the
// working directory. Intercept hears the same before anything is done.
func TestCommandsNamePaths(t *testing.T) {
	j := new(journal)
	ts := start(t, symlinks, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			j.add(c.Line + ": " + c.Path + " " + strings.Join(c.From, ","))
			return run()
		}}
	})
	require.NoError(t, ts.FS.Mkdir(t.Context(), "sub"))
	require.NoError(t, ts.FS.Mkdir(t.Context(), "sub/deep"))
	for _, name := range []string{"sub/a", "sub/a b", "sub/1", "sub/x 5"} {
		ts.writeFile(t, name, "0123456789")
	}
	c := ts.login(t)
	for _, x := range []struct {
		line      string
		code      int
		path, dir string
		from      string // separated by commas
	}{
		{"PWD", 257, "", "/", ""},
		{"CWD sub/deep", 250, "/sub/deep", "/sub/deep", ""},
		{"CWD ../nope", 550, "/sub/nope", "/sub/deep", ""},
		{"CDUP", 250, "/sub", "/sub", ""},
		{"CWD", 250, "/sub", "/sub", ""},
		{"RETR a", 425, "/sub/a", "/sub", ""},
		{"RETR ../../../sub/./a", 425, "/sub/a", "/sub", ""},
		{"STOR /new", 425, "/new", "/sub", ""},
		{"APPE a b", 425, "/sub/a b", "/sub", ""},
		{"STOU", 425, "/sub/file", "/sub", ""},
		{"LIST", 425, "/sub", "/sub", ""},
		{"LIST -la deep", 425, "/sub/deep", "/sub", ""},
		{"NLST *.txt", 425, "/sub/*.txt", "/sub", ""},
		{"MLSD deep", 425, "/sub/deep", "/sub", ""},
		{"MLST", 250, "/sub", "/sub", ""},
		{"STAT", 211, "", "/sub", ""},
		{"STAT -l a", 213, "/sub/a", "/sub", ""},
		{"SIZE a", 213, "/sub/a", "/sub", ""},
		{"MDTM a", 213, "/sub/a", "/sub", ""},
		{"MDTM 20200101000000 a", 213, "/sub/a", "/sub", ""},
		{"MFMT 20200101000000 a b", 213, "/sub/a b", "/sub", ""},
		{"MFF Modify=20200101000000; a", 213, "/sub/a", "/sub", ""},
		{"HASH a", 213, "/sub/a", "/sub", ""},
		{"XMD5 a 1 2", 250, "/sub/a", "/sub", ""},
		{"XMD5 x 5", 250, "/sub/x 5", "/sub", ""},
		{"XMD5 missing 1 2", 550, "/sub/missing", "/sub", ""},
		{"XCRC missing 1", 550, "/sub/missing", "/sub", ""},
		{`XCRC "missing 1"`, 550, "/sub/missing 1", "/sub", ""},
		{"XMD5 . 1", 550, "/sub", "/sub", ""},
		{"AVBL", 550, "/sub", "/sub", ""},
		{"MKD made", 257, "/sub/made", "/sub", ""},
		{"SITE MKDIR made/too", 257, "/sub/made/too", "/sub", ""},
		{"SITE RMDIR made/too", 250, "/sub/made/too", "/sub", ""},
		{"RMD made", 250, "/sub/made", "/sub", ""},
		{"SITE CHMOD 644 a b", 200, "/sub/a b", "/sub", ""},
		{"SITE UTIME 20200101000000 a", 200, "/sub/a", "/sub", ""},
		{"SITE SYMLINK a l", 504, "/sub/l", "/sub", ""},
		{"RNFR a", 350, "/sub/a", "/sub", ""},
		{"RNTO c", 250, "/sub/c", "/sub", "/sub/a"},
		{"RNTO d", 503, "/sub/d", "/sub", ""},
		{"SITE CPFR c", 350, "/sub/c", "/sub", ""},
		{"SITE CPTO /e", 250, "/e", "/sub", "/sub/c"},
		{`COMB /all 1 "a b"`, 250, "/all", "/sub", "/sub/1,/sub/a b"},
		{"DELE ../all", 250, "/all", "/sub", ""},
		{"NOOP", 200, "", "/sub", ""},
		{"SITE HELP", 214, "", "/sub", ""},
		{"BOGUS a", 500, "", "/sub", ""},
	} {
		c.cmd(x.code, "%s", x.line)
		told := ts.lastCommand(t, x.line)
		require.Equal(t, []string{x.path, x.dir, x.from}, []string{told.Path, told.Session.Dir, strings.Join(told.From, ",")}, x.line)
		if !strings.HasPrefix(x.line, "XMD5") && x.line != "STOU" { // known only after the command
			all := j.all()
			require.Equal(t, x.line+": "+x.path+" "+x.from, all[len(all)-1])
		}
	}
	c.cmd(220, "REIN")
	require.Empty(t, ts.lastCommand(t, "REIN").Session.Dir)
	c.cmd(530, "DELE a")
	require.Empty(t, ts.lastCommand(t, "DELE a").Path)
}

// Hooks hear of a copy within the server as of a transfer: with the sources, the
// bytes, and the reason of a failure.
func TestCopiesAreTold(t *testing.T) {
	ts := start(t)
	ts.writeFile(t, "a", "0123456789")
	ts.writeFile(t, "b", "xyz")
	c := ts.login(t)
	c.cmd(350, "SITE CPFR a")
	c.cmd(250, "SITE CPTO copy")
	x := ts.lastTransfer(t)
	require.Equal(t, []any{"SITE CPTO", "/copy", []string{"/a"}, int64(10), nil}, []any{x.Verb, x.Path, x.From, x.Bytes, x.Err})
	require.Equal(t, testUser, x.Session.User)
	require.False(t, x.Peer.IsValid())
	require.Nil(t, x.TLS)
	c.cmd(250, "COMB all a b")
	x = ts.lastTransfer(t)
	require.Equal(t, []any{"COMB", "/all", []string{"/a", "/b"}, int64(13), nil}, []any{x.Verb, x.Path, x.From, x.Bytes, x.Err})
	c.cmd(550, "COMB all nothing")
	x = ts.lastTransfer(t)
	require.Equal(t, "COMB", x.Verb)
	require.Error(t, x.Err)
	require.Contains(t, ts.Log.String(), "msg=transfer session="+x.Session.ID)
	told := len(ts.transfers)
	c.cmd(213, "HASH all") // this is no copy
	require.Len(t, ts.transfers, told)
}

// Hooks hear what TLS agreed on, on control and data connections, and how the client
// names itself and the server.
func TestHooksDescribeConnections(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) { srv.Active = &server.Active{} })
	ts.writeFile(t, "a", "x")
	for name, cfg := range map[string]*stdtls.Config{
		"TLS 1.3": {MinVersion: tls.VersionTLS13, CurvePreferences: []stdtls.CurveID{stdtls.X25519}},
		"TLS 1.2": {MaxVersion: tls.VersionTLS12, CurvePreferences: []stdtls.CurveID{stdtls.CurveP256}, CipherSuites: []uint16{stdtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, stdtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.RootCAs, cfg.ServerName = ts.Config.RootCAs, "localhost"
			c := ts.loginWith(t, cfg)
			want := c.state()
			i := ts.lastCommand(t, "TYPE I").Session
			require.Equal(t, &server.TLSInfo{Version: want.Version, CipherSuite: want.CipherSuite, KeyExchange: want.CurveID, ServerName: "localhost"}, i.TLS)
			require.True(t, strings.HasPrefix(i.TLS.String(), name+" TLS_"), i.TLS)
			require.Contains(t, i.TLS.String(), want.CurveID.String())
			require.Equal(t, "localhost", i.Host)
			c.get("RETR a")
			x := ts.lastTransfer(t)
			require.Equal(t, want.Version, x.TLS.Version)
			require.True(t, x.TLS.Resumed && x.Resumed && !x.Active)
		})
	}
	c := ts.dial(t)
	c.cmd(220, "HOST ftp.example.com")
	c.cmd(200, "CLNT FileZilla \x1b[31m%s", strings.Repeat("é", 300))
	i := ts.Sessions()[0]
	for _, other := range ts.Sessions() {
		if other.Host == "ftp.example.com" {
			i = other
		}
	}
	require.Equal(t, "ftp.example.com", i.Host)
	require.True(t, strings.HasPrefix(i.Client, `FileZilla \x1b[31mé`), i.Client)
	require.LessOrEqual(t, len(i.Client), 200)
	require.True(t, strings.HasSuffix(i.Client, "é"))
	require.Nil(t, i.TLS)

	c.login()
	ln, at := port(t, "127.0.0.1:0")
	c.cmd(200, "PORT %s", wire.FormatPort(at))
	c.cmd(150, "RETR a")
	conn, err := ln.Accept()
	require.NoError(t, err)
	readAll(t, conn)
	conn.Close()
	c.expect(226)
	x := ts.lastTransfer(t)
	require.True(t, x.Active)
	require.Nil(t, x.TLS)
}
