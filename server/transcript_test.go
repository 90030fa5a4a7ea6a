package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// TestTranscripts plays the files of testdata, each against a server of its own
// on loopback. A protocol bug is best reported as one more of them.
//
//	# text             a comment; empty lines are ignored too
//	C: line            the client sends line and CRLF
//	S: line            the server must send line and CRLF; a reply of several
//	                   lines is as many S lines. In line, * stands for anything.
//	                   {name} captures a word at first, and stands for the word
//	                   later, here and in C lines and directives
//	D: line            data that must come, a line each; D lines in a row are
//	                   all the data there is, in that order, and an orderly end
//
// Text in directives is quoted as in Go:
//
//	@server option...  options of the server, see serverOptions; comes first
//	@implicit          connect to the port for implicit TLS; comes before C and S
//	@tls               the TLS handshake on the control connection
//	@untls ["bytes"]   the end of TLS on the control connection, from both
//	                   sides; these bytes in clear follow in the same packet
//	@login             greeting, AUTH TLS, login, PBSZ, PROT P, TYPE I, in one
//	@login-clear       greeting, login and TYPE I without TLS
//	@send "bytes" [n]  send these bytes, n times, as they are
//	@eof               the server must close the control connection in order
//	@close             close the control connection
//	@close-write       say that nothing more comes, and go on reading; in clear
//
//	@data              connect to the port announced last, or take the
//	                   connection that arrived at @listen. Under TLS the
//	                   handshake begins when data is to be moved
//	@data-plain        the same without TLS
//	@data <- "text"    all the data that comes must be text, and end in order
//	@data <~ "text"    the data begins with text; more may come
//	@data -> "text"    send text and end in order
//	@data ~> "text"    send text; more will come
//	@sending n         send zeros until the transfer has moved n bytes; more will come
//	@data cut          the server must break the connection off
//	@data close        close it at once
//	@listen            listen for active mode: {port} is the argument of PORT,
//	                   {eprt} that of EPRT
//
//	@file name "text"  make a file; @fill name n makes one of n zeros
//	@dir name          make a directory
//	@time name time    set the time of a file, as YYYYMMDDHHMMSS
//	@expect-file name "text", @expect-none name
//	                   what the server's files must hold now
//
// A data directive connects by itself when there is no connection yet. Control
// and data connections share a cache of TLS sessions, so data connections
// resume. Every wait has a deadline.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			p := &player{t: t, vars: make(map[string]string)}
			lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
			for p.at = 0; p.at < len(lines); p.at++ {
				p.where = file + ":" + strconv.Itoa(p.at+1) + ": " + lines[p.at]
				p.play(lines)
			}
		})
	}
}

// serverOptions are the words that @server takes.
var serverOptions = map[string]func(p *player, srv *server.Server){
	"compress":      func(_ *player, srv *server.Server) { srv.Compress = true },
	"never-convert": func(_ *player, srv *server.Server) { srv.NeverConvert = true },
	"plaintext":     func(_ *player, srv *server.Server) { srv.InsecurePlaintext = true },
	"no-tls":        func(_ *player, srv *server.Server) { srv.TLS, srv.InsecurePlaintext = nil, true },
	"no-epsv":       func(_ *player, srv *server.Server) { srv.NoEPSV = true },
	"no-dot-files":  func(_ *player, srv *server.Server) { srv.HideDotFiles = true },
	"no-mfmt":       func(_ *player, srv *server.Server) { srv.Disabled = []string{"MFMT"} },
	"message":       func(_ *player, srv *server.Server) { srv.DirMessage = ".message" },
	"recursive":     func(_ *player, srv *server.Server) { srv.ListRecursive = true },
	"local-times": func(_ *player, srv *server.Server) {
		srv.Location, srv.LocalMDTM = time.FixedZone("", 2*60*60), true
	},
	"symlink": func(_ *player, srv *server.Server) { srv.AllowSymlink = true },
	"off": func(_ *player, srv *server.Server) {
		srv.Disabled = []string{"mkd", "DELE", "mlst", "HASH", "AUTH", "ABOR", "site chmod", "SITE  CPTO", "SITE symlink"}
	},
	"no-site":  func(_ *player, srv *server.Server) { srv.Disabled, srv.AllowSymlink = []string{"SITE"}, true },
	"active":   func(_ *player, srv *server.Server) { srv.Active = &server.Active{} },
	"require":  func(_ *player, srv *server.Server) { srv.SessionReuse = tls.Require },
	"ccc":      func(_ *player, srv *server.Server) { srv.AllowCCC = true },
	"strict":   func(_ *player, srv *server.Server) { srv.RequireCloseNotify = true },
	"one-try":  func(_ *player, srv *server.Server) { srv.MaxLoginFailures = 1 },
	"greeting": func(_ *player, srv *server.Server) { srv.Greeting = "Welcome\n123 is no code here\nEnjoy" },
	"host": func(_ *player, srv *server.Server) {
		srv.Host = func(name string) bool { return name == "ftp.example.com" }
	},
	"dir": func(p *player, srv *server.Server) { // files in a directory instead of memory
		dir, err := driver.OpenDir(p.t.TempDir())
		require.NoError(p.t, err)
		p.t.Cleanup(func() { dir.Close() })
		p.files, srv.Driver = dir, driver.User(testUser, testPassword, dir)
	},
}

// player is a transcript being played.
type player struct {
	t     *testing.T
	at    int    // index of the line
	where string // file, number and text of the line, for failures
	ts    *testServer
	files driver.FS
	c     *client
	vars  map[string]string
	data  net.Conn // nil without
	port  string   // what the last 227 or 229 announced
	ln    net.Listener
}

func (p *player) play(lines []string) {
	kind, rest, _ := strings.Cut(lines[p.at], " ")
	switch {
	case kind == "" || kind[0] == '#':
	case kind == "@server":
		p.start(strings.Fields(rest)...)
	case kind == "C:":
		p.client().send("%s", p.expand(rest))
	case kind == "S:":
		line, err := p.client().ReadLine()
		p.check(err)
		p.match(rest, line)
		p.announced(line)
	case kind == "D:":
		got := strings.SplitAfter(p.readData(), "\r\n")
		for i := 0; ; i++ {
			p.match(strings.TrimPrefix(lines[p.at], "D: ")+"\r\n", got[i])
			if p.at+1 == len(lines) || !strings.HasPrefix(lines[p.at+1], "D: ") {
				require.Equal(p.t, []string{""}, got[i+1:], "more data after %s", p.where)
				return
			}
			p.at++
		}
	case kind[0] == '@':
		run := directives[kind[1:]]
		require.NotNil(p.t, run, p.where)
		run(p, p.args(rest))
	default:
		require.Fail(p.t, "no such line", p.where)
	}
}

// args splits the arguments of a directive.
func (p *player) args(rest string) (args []string) {
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			p.check(err)
			text, err := strconv.Unquote(quoted)
			p.check(err)
			args, rest = append(args, text), rest[len(quoted):]
			continue
		}
		word, tail, _ := strings.Cut(rest, " ")
		args, rest = append(args, p.expand(word)), tail
	}
	return append(args, "", "") // what is missing is empty
}

var directives = map[string]func(p *player, args []string){
	"implicit": func(p *player, _ []string) {
		p.start()
		p.c = newClient(p.t, dialTCP(p.t, p.ts.ImplicitAddr), p.ts.Config)
		p.c.upgrade()
	},
	"tls":   func(p *player, _ []string) { p.client().upgrade() },
	"untls": func(p *player, args []string) { p.client().untls(args[0]) },
	"login": func(p *player, _ []string) {
		p.start()
		p.c = p.ts.login(p.t)
	},
	"login-clear": func(p *player, _ []string) {
		p.start()
		p.c = p.ts.loginClear(p.t)
	},
	"send": func(p *player, args []string) {
		n, _ := strconv.Atoi(args[1])
		p.client().write(strings.Repeat(args[0], max(n, 1)))
	},
	"eof": func(p *player, _ []string) {
		line, err := p.client().ReadLine()
		require.ErrorIs(p.t, err, io.EOF, "%s: got %q", p.where, line)
		require.False(p.t, ftpclient.Truncated(p.c.Conn), "%s: no close_notify", p.where)
	},
	"close": func(p *player, _ []string) { p.check(p.c.Conn.Close()) },
	"close-write": func(p *player, _ []string) {
		p.check(p.c.Conn.(*ftpclient.TCPConn).CloseWrite())
	},
	"data":       func(p *player, args []string) { p.move(args[0], args[1]) },
	"data-plain": func(p *player, args []string) { p.connect(); p.move(args[0], args[1]) },
	"sending": func(p *player, args []string) {
		n, err := strconv.ParseInt(args[0], 10, 64)
		p.check(err)
		for open := p.ts.Sessions(); len(open) == 1 && open[0].Transferred < n; open = p.ts.Sessions() {
			p.move("~>", string(make([]byte, 64<<10))) // fails when its deadline has passed
		}
	},
	"listen": func(p *player, _ []string) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		p.check(err)
		p.t.Cleanup(func() { ln.Close() })
		at := ln.Addr().(*net.TCPAddr).AddrPort()
		p.ln, p.vars["port"], p.vars["eprt"] = ln, wire.FormatPort(at), eprt(at)
	},
	"file": func(p *player, args []string) { p.start(); writeFile(p.t, p.files, args[0], args[1]) },
	"fill": func(p *player, args []string) {
		p.start()
		n, err := strconv.Atoi(args[1])
		p.check(err)
		writeFile(p.t, p.files, args[0], string(make([]byte, n)))
	},
	"dir": func(p *player, args []string) { p.start(); p.check(p.files.Mkdir(context.Background(), args[0])) },
	"time": func(p *player, args []string) {
		at, err := wire.ParseTime(args[1])
		p.check(err)
		p.check(driver.SetTimes(context.Background(), p.files, args[0], driver.Times{Modify: at}))
	},
	"expect-file": func(p *player, args []string) {
		require.Equal(p.t, args[1], readFile(p.t, p.files, strings.TrimPrefix(args[0], "/")), p.where)
	},
	"expect-none": func(p *player, args []string) {
		_, err := p.files.Stat(context.Background(), args[0])
		require.ErrorIs(p.t, err, fs.ErrNotExist, p.where)
	},
}

// start starts the server unless that is done.
func (p *player) start(options ...string) {
	if p.ts != nil {
		require.Empty(p.t, options, "@server comes first")
		return
	}
	p.ts = start(p.t, func(srv *server.Server) {
		for _, word := range options {
			require.Contains(p.t, serverOptions, word, p.where)
			serverOptions[word](p, srv)
		}
	})
	if p.files == nil {
		p.files = p.ts.FS
	}
}

// client returns the control connection, and opens it when first needed.
func (p *player) client() *client {
	if p.c == nil {
		p.start()
		p.c = p.ts.connect(p.t)
	}
	return p.c
}

func (p *player) check(err error) {
	p.t.Helper()
	require.NoError(p.t, err, p.where)
}

var variable = regexp.MustCompile(`\{[a-z]+\}`)

// expand replaces {name} by what was captured.
func (p *player) expand(s string) string {
	return variable.ReplaceAllStringFunc(s, func(name string) string {
		if value, ok := p.vars[name[1:len(name)-1]]; ok {
			return value
		}
		return name
	})
}

// match compares a line with the pattern that is wanted, and captures words.
func (p *player) match(want, got string) {
	p.t.Helper()
	pattern := regexp.QuoteMeta(p.expand(want))
	pattern = strings.ReplaceAll(pattern, `\*`, `.*`)
	pattern = regexp.MustCompile(`\\\{([a-z]+)\\\}`).ReplaceAllString(pattern, `(?P<$1>\S+)`)
	re := regexp.MustCompile(`(?s)^` + pattern + `$`)
	found := re.FindStringSubmatch(got)
	require.NotNil(p.t, found, "%s\ngot:  %q", p.where, got)
	for i, name := range re.SubexpNames()[1:] {
		p.vars[name] = found[i+1]
	}
}

// announced remembers the port of a reply to PASV or EPSV.
func (p *player) announced(line string) {
	switch {
	case strings.HasPrefix(line, "227 "):
		at, err := wire.ParsePasvReply(line)
		p.check(err)
		p.port = at.String()
	case strings.HasPrefix(line, "229 "):
		port, err := wire.ParseEPSVReply(line)
		p.check(err)
		p.port = net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	}
}

// connect opens the data connection in clear.
func (p *player) connect() {
	if p.data != nil {
		return
	}
	if p.ln != nil {
		conn, err := p.ln.Accept()
		p.check(err)
		p.check(p.ln.Close())
		conn.SetDeadline(time.Now().Add(patience))
		p.data, p.ln = conn, nil
		return
	}
	require.NotEmpty(p.t, p.port, "%s: no port was announced", p.where)
	p.data = dialTCP(p.t, p.port)
	p.port = "" // a port is good for one connection
}

// move does what a data directive says.
func (p *player) move(how, text string) {
	secured := p.data != nil // by @data or @data-plain before
	p.connect()
	if _, ok := p.c.Conn.(*stdtls.Conn); ok && !secured {
		p.data = stdtls.Client(p.data, p.c.TLS)
	}
	switch how {
	case "":
	case "<-":
		require.Equal(p.t, text, p.readData(), p.where)
	case "<~":
		got := make([]byte, len(text))
		_, err := io.ReadFull(p.data, got)
		p.check(err)
		require.Equal(p.t, text, string(got), p.where)
	case "->", "~>":
		_, err := io.WriteString(p.data, text)
		p.check(err)
		if sec, ok := p.data.(*stdtls.Conn); ok && text == "" {
			p.check(sec.HandshakeContext(context.Background())) // an empty Write does none
		}
		if how == "->" {
			p.closeData()
		}
	case "cut":
		_, err := io.Copy(io.Discard, p.data)
		require.True(p.t, err != nil || ftpclient.Truncated(p.data), "%s: an orderly end", p.where)
		p.data.Close()
		p.data = nil
	case "close":
		p.closeData()
	default:
		require.Fail(p.t, "no such data directive", p.where)
	}
}

// readData reads all the data to its orderly end.
func (p *player) readData() string {
	if p.data == nil {
		p.move("", "")
	}
	data, err := io.ReadAll(p.data)
	p.check(err)
	require.False(p.t, ftpclient.Truncated(p.data), "%s: no close_notify", p.where)
	p.closeData()
	return string(data)
}

func (p *player) closeData() {
	p.data.Close()
	p.data = nil
}
