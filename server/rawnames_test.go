package server_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

// odd are names that are not UTF-8 or would not show on a terminal.
var odd = []string{"caf\xe9.txt", "\xff\xfe", "a\xffb", "\xff", "\x80", "esc\x1b[1m", "tab\tdel\x7f", "c1\u0085", " \xe9 "}

// doubled returns a name as it travels on the control connection (RFC 854, IAC
// IAC).
func doubled(name string) string { return strings.ReplaceAll(name, "\xff", "\xff\xff") }

// longColumns matches what stands before the name in a line of LIST.
var longColumns = regexp.MustCompile(`^[-dl]\S{9} +\d+ \S+ +\S+ +\d+ [A-Z][a-z]{2} [ \d]\d [ \d]\d[:\d]\d\d `)

// shown returns the names in a listing.
func shown(verb, listing string) (names []string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(listing, "\r\n"), "\r\n") {
		switch verb {
		case "MLSD":
			_, line, _ = strings.Cut(line, " ")
		case "LIST":
			line = longColumns.ReplaceAllString(line, "")
		}
		names = append(names, line)
	}
	slices.Sort(names)
	return names
}

// Commands take the names that NLST, MLSD and LIST show, whatever bytes the names
// have.
func TestNamesAreBytes(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's names are text")
	}
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	for name, files := range map[string]driver.FS{"memory": driver.Mem(), "directory": dir} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) })
			c := ts.loginClear(t)
			for _, name := range odd {
				c.put(name, "STOR %s", doubled(name))
			}
			want := slices.Sorted(slices.Values(odd))
			for _, verb := range []string{"NLST", "MLSD", "LIST"} {
				got := shown(verb, c.get("%s", verb))
				require.Equal(t, want, got, verb)
				for _, name := range got {
					require.Equal(t, name, c.get("RETR %s", doubled(name)), "%q", name)
				}
			}
			c.cmd(257, "MKD d\xe9")
			c.cmd(250, "CWD d\xe9")
			require.Equal(t, "257 \"/d\xe9\" is the current directory.", c.cmd(257, "PWD").String())
			c.cmd(250, "CDUP")
			for _, name := range odd {
				name += ".d" // not the name of a file
				quoted := `"/` + doubled(name) + `"`
				require.Contains(t, c.cmd(257, "MKD %s", doubled(name)).String(), quoted)
				require.Contains(t, c.cmd(250, "CWD %s", doubled(name)).String(), quoted)
				require.Contains(t, c.cmd(257, "PWD").String(), quoted)
				require.Contains(t, c.cmd(250, "MLST").String(), " /"+doubled(name)+"\n")
				c.cmd(250, "CDUP")
				c.cmd(250, "RMD %s", doubled(name))
			}
			for _, name := range odd {
				require.Contains(t, c.cmd(250, "MLST %s", doubled(name)).String(), " /"+doubled(name)+"\n")
				require.Contains(t, c.cmd(213, "HASH %s", doubled(name)).String(), " "+doubled(name))
				require.Contains(t, c.cmd(213, "STAT %s", doubled(name)).String(), " "+doubled(name)+"\n")
			}
			require.Contains(t, c.cmd(250, "MLST %s", doubled("a\xffb")).String(), " /a\xff\xffb\n")
			require.Contains(t, c.cmd(213, "STAT %s", doubled("\xff")).String(), " \xff\xff\n")
			require.Equal(t, []string{"caf\xe9.txt"}, shown("NLST", c.get("NLST caf[\xe8-\xea]*")))
			for _, name := range odd {
				c.cmd(213, "SIZE %s", doubled(name))
				c.cmd(350, "RNFR %s", doubled(name))
				c.cmd(250, "RNTO d\xe9/%s", doubled(name))
				require.Equal(t, "d\xe9/"+name, shown("NLST", c.get("NLST d\xe9"))[0])
				c.cmd(250, "DELE d\xe9/../d\xe9/%s", doubled(name))
			}
			c.cmd(250, "RMD d\xe9")
			require.Empty(t, c.get("NLST"))
		})
	}
}

// A client that does not double 0xFF is understood where nothing else can be meant.
func TestSingleIAC(t *testing.T) {
	ts := start(t, insecure)
	c := ts.loginClear(t)
	c.cmd(257, "MKD a\xffb")
	require.Equal(t, "a\xffb\r\n", c.get("NLST"))
}

// Where names are UTF-8 a name that is not is refused, and listings don't show it.
// The same goes for a name that no command can hold.
func TestNamesThatCannotBeSaid(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's names are text")
	}
	path := t.TempDir()
	for _, name := range []string{"good", "caf\xe9", "line\nfeed", "return\r"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), nil, 0o666))
	}
	dir, err := driver.OpenDir(path)
	require.NoError(t, err)
	defer dir.Close()
	text := driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), path))
	for _, tt := range []struct {
		files driver.FS
		shown []string
		code  int
	}{{dir, []string{"caf\xe9", "good"}, 213}, {text, []string{"good"}, 501}, {driver.ReadOnly(os.DirFS(path)), []string{"good"}, 501}} {
		ts := start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, tt.files) })
		c := ts.loginClear(t)
		for _, verb := range []string{"NLST", "MLSD", "LIST"} {
			require.Equal(t, tt.shown, shown(verb, c.get("%s", verb)), verb)
		}
		require.Len(t, c.cmd(213, "STAT /").Lines, 2+len(tt.shown))
		c.cmd(tt.code, "SIZE caf\xe9")
		c.cmd(213, "SIZE good")
		c.send("MKD x\xff/../y")
		c.expect(501, 550)
		c.cmd(500, "SIZE return\r.")
	}
}

// Logs say which name it was, whatever bytes it has, in text and in JSON.
func TestNamesInLogs(t *testing.T) {
	out := new(testenv.Buffer)
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Logger = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := ts.loginClear(t)
	names := append([]string{`caf\xe9.txt`, `back\slash`, "\u202e"}, odd...)
	for _, name := range names {
		c.put("", "STOR %s", doubled(name))
		require.Equal(t, "/"+name, ts.lastTransfer(t).Path, "hooks get the bytes")
	}
	c.cmd(221, "QUIT")
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	var paths, lines []string
	for line := range strings.Lines(out.String()) {
		var record struct{ Msg, Path, Line string }
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		switch {
		case record.Msg == "transfer":
			paths = append(paths, wire.Original(record.Path))
		case strings.HasPrefix(record.Line, "STOR"):
			lines = append(lines, wire.Original(record.Line))
		}
	}
	require.Len(t, paths, len(names))
	for i, name := range names {
		require.Equal(t, "/"+name, paths[i])
		require.Equal(t, "STOR "+name, lines[i])
	}
	require.Contains(t, out.String(), `/caf\\xe9.txt`)
}
