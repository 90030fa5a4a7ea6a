package vsftpdlog

import (
	"bufio"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	home  = netip.MustParseAddr("127.0.0.1")
	night = time.Date(2026, 11, 29, 18, 12, 52, 0, time.UTC)
)

// The lines that Debian's vsftpd wrote for the same.
func TestLine(t *testing.T) {
	for want, e := range map[string]Entry{
		`CONNECT: Client "127.0.0.1"`: {Word: Connect},
		`CONNECT: Client "127.0.0.1", "Connection refused: too many sessions for this address."`: {Word: Connect, Text: "Connection refused: too many sessions for this address."},
		`[alice] OK LOGIN: Client "127.0.0.1"`:                                                   {Word: Login, User: "alice"},
		`[alice] FAIL LOGIN: Client "127.0.0.1"`:                                                 {Word: Login, User: "alice", Failed: true},
		`[ftp] OK LOGIN: Client "127.0.0.1", anon password "me_you@x"`:                           {Word: Login, User: "ftp", Kind: Anonymous, Email: "me you@x"},
		`[ftp] OK LOGIN: Client "127.0.0.1", anon password "?"`:                                  {Word: Login, User: "ftp", Kind: Anonymous},
		`[anonymous] FAIL LOGIN: Client "127.0.0.1"`:                                             {Word: Login, User: "anonymous", Kind: Anonymous, Failed: true},
		`[alice] OK MKDIR: Client "127.0.0.1", "/home/alice/newdir"`:                             {Word: Mkdir, User: "alice", Text: "/home/alice/newdir"},
		`[alice] FAIL RMDIR: Client "127.0.0.1", "/d2"`:                                          {Word: Rmdir, User: "alice", Text: "/d2", Failed: true},
		`[alice] OK RENAME: Client "127.0.0.1", "/app /app2"`:                                    {Word: Rename, User: "alice", Text: "/app /app2"},
		`[alice] OK CHMOD: Client "127.0.0.1", "/app2 600"`:                                      {Word: Chmod, User: "alice", Text: "/app2 600"},
		`[alice] OK DELETE: Client "127.0.0.1", "/app2"`:                                         {Word: Delete, User: "alice", Text: "/app2"},
		`FTP command: Client "127.0.0.1", "USER alice"`:                                          {Word: Command, Text: "USER alice"},
		`[alice] FTP response: Client "127.0.0.1", "257 "/" is the directory"`:                   {Word: Response, User: "alice", Text: `257 "/" is the directory`},

		`[alice] OK UPLOAD: Client "127.0.0.1", "/home/alice/a b??.txt", 1500 bytes, 854.63Kbyte/sec`:    {Word: Upload, User: "alice", Text: "/home/alice/a bé.txt", Bytes: 1500, Took: 1714 * time.Microsecond},
		`[alice] OK DOWNLOAD: Client "127.0.0.1", "/home/alice/a b??.txt", 1500 bytes, 9765.62Kbyte/sec`: {Word: Download, User: "alice", Text: "/home/alice/a bé.txt", Bytes: 1500, Took: 150 * time.Microsecond},
		`[alice] FAIL DOWNLOAD: Client "127.0.0.1", "/missing", 0.00Kbyte/sec`:                           {Word: Download, User: "alice", Text: "/missing", Failed: true, Took: time.Second},
		`[alice] OK UPLOAD: Client "127.0.0.1", "/empty", 0.00Kbyte/sec`:                                 {Word: Upload, User: "alice", Text: "/empty"},
	} {
		e.Time, e.Number, e.Client = night, 286, home
		require.Equal(t, "Sun Nov 29 18:12:52 2026 [pid 286] "+want+"\n", e.Line())
		level := "<94>"
		if strings.Contains(want, "FAIL LOGIN") {
			level = "<92>"
		}
		require.Equal(t, level+"Nov 29 18:12:52 vsftpd[286]: "+want, e.Datagram())
		require.Equal(t, strings.Contains(want, "LOAD"), e.Transfer() != "")
	}
	e := Entry{Word: Connect, Client: netip.MustParseAddr("::ffff:192.0.2.1"), Time: time.Date(2007, 1, 9, 12, 20, 33, 0, time.UTC)}
	require.Equal(t, "Tue Jan  9 12:20:33 2007 [pid 0] CONNECT: Client \"192.0.2.1\"\n", e.Line())
	e.Client = netip.MustParseAddr("fe80::1%eth0")
	require.Contains(t, e.Line(), `"fe80::1"`)
}

func TestTransfer(t *testing.T) {
	for want, e := range map[string]Entry{
		`1 127.0.0.1 1500 /a_b??.txt a _ i r alice ftp 0 * c`:    {Word: Upload, User: "alice", Text: "/a bé.txt", Bytes: 1500, ASCII: true},
		`7 127.0.0.1 1500 /x b _ o g alice ftp 0 * i`:            {Word: Download, User: "alice", Kind: Guest, Text: "/x", Bytes: 1500, Took: 7900 * time.Millisecond, Failed: true},
		`1 127.0.0.1 3 /hi.txt b _ o a me_you@x ftp 0 * c`:       {Word: Download, User: "ftp", Kind: Anonymous, Email: "me you@x", Text: "/hi.txt", Bytes: 3},
		`1 127.0.0.1 0 /nope b _ o a ? ftp 0 * i`:                {Word: Download, User: "ftp", Kind: Anonymous, Text: "/nope", Failed: true},
		`1 127.0.0.1 0 /a?b b _ i r Domain?User_x ftp 0 * c`:     {Word: Upload, User: "Domain\tUser x", Text: "/a\nb"},
		`1 127.0.0.1 0 /x_c_ftp_0_*_c b _ o r alice ftp 0 * c`:   {Word: Download, User: "alice", Text: "/x c ftp 0 * c"},
		`1 127.0.0.1 0 /????x b _ o a ????????_x@y ftp 0 * c`:    {Word: Download, Kind: Anonymous, Text: "/\t\r\n\x00x", Email: "\t\r\n\x00\x7f\xffé x@y"},
		`86400 127.0.0.1 1099511627776 /x b _ o r a ftp 0 * c`:   {Word: Download, User: "a", Text: "/x", Bytes: 1 << 40, Took: 24 * time.Hour},
		`1 127.0.0.1 0 /quote? b _ o r alice ftp 0 * c`:          {Word: Download, User: "alice", Text: `/quote"`},
		`1 127.0.0.1 0 /x b _ o a a?b ftp 0 * c`:                 {Word: Download, User: "ftp", Kind: Anonymous, Email: `a"b`, Text: "/x"},
		`1 127.0.0.1 0 /x b _ o r alice ftp 0 * c`:               {Word: Download, User: "alice", Kind: Real, Text: "/x"},
		`1 127.0.0.1 12 /home/alice/in b _ i g alice ftp 0 * c`:  {Word: Upload, User: "alice", Kind: Guest, Text: "/home/alice/in", Bytes: 12, Took: time.Millisecond},
		`2 127.0.0.1 12 /home/alice/out b _ o g alice ftp 0 * c`: {Word: Download, User: "alice", Kind: Guest, Text: "/home/alice/out", Bytes: 12, Took: 2 * time.Second},
	} {
		e.Time, e.Client = night, home
		require.Equal(t, "Sun Nov 29 18:12:52 2026 "+want+"\n", e.Transfer())
	}
}

// What a client chooses forges no event of another address, in any field, for readers that look for the user, the word
// and the client anywhere in a line.
func TestForgedLine(t *testing.T) {
	forged := "x] FAIL LOGIN: Client \"192.0.2.9\"\nSun Nov 29 18:12:52 2026 [pid 1] [y] FAIL LOGIN: Client \"192.0.2.9\"\r\n[z] FTP response: Client \"192.0.2.9\", \"530 Permission denied.\""
	greedy := regexp.MustCompile(`\[.*\] (FAIL LOGIN|FTP response): Client "192`)
	for _, word := range []string{Connect, Command, Response, Login, Download, Upload, Mkdir, Rename, Chmod} {
		for _, failed := range []bool{false, true} {
			for _, kind := range []Kind{Real, Anonymous} {
				e := Entry{Time: night, Client: home, Word: word, Failed: failed, Kind: kind, User: forged, Email: forged, Text: forged}
				for _, line := range []string{strings.TrimSuffix(e.Line(), "\n"), e.Datagram(), strings.TrimSuffix(e.Transfer(), "\n")} {
					require.NotRegexp(t, greedy, line)
					require.NotContains(t, line, "\n")
					require.NotContains(t, line, "\r")
				}
				require.Equal(t, 1, strings.Count(e.Line(), `Client "`))
				user, rest, _ := strings.Cut(strings.SplitN(e.Line(), " [", 3)[2], "] ")
				require.NotContains(t, user, "]")
				require.True(t, strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(rest, "OK "), "FAIL "), word+": Client"))
				if line := e.Transfer(); line != "" {
					require.Len(t, strings.Fields(line), 18)
					require.Equal(t, 17, strings.Count(line, " "))
				}
			}
		}
	}
}

// samples returns the lines of the real logs beside the repository whose names match.
func samples(t *testing.T, pattern string) (lines []string) {
	files, err := filepath.Glob("../../../../../shared/field/logs/" + pattern)
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("logs of others are not beside the repository")
	}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		for scan := bufio.NewScanner(f); scan.Scan(); {
			lines = append(lines, scan.Text())
		}
	}
	return lines
}

// read reads a number that a pattern has matched, empty for 0.
func read(t *testing.T, text string) int64 {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

var (
	sampleLine = regexp.MustCompile(`^(\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}) \[pid (\d+)\] (?:\[([^\]]+)\] )?(?:(OK|FAIL) )?([A-Z]+|FTP command|FTP response): Client "([^"]+)"(?:, anon password "([^"]*)")?(?:, "(.*)")?(?:(?:, (\d+) bytes)?, ([\d.]+)Kbyte/sec)?$`)
	sampleXfer = regexp.MustCompile(`^(\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}) (\d+) (\S+) (\d+) (\S+) ([ab]) _ ([io]) ([agr]) (\S*) ftp 0 \* ([ci])$`)
)

// Every line of real logs of vsftpd is written by an entry with the same fields, but for IPv4 addresses of clients on a
// socket of IPv6, which are written as such. Some lines have the day of the week wrong, as they were made up.
func TestLineOfSamples(t *testing.T) {
	count := 0
	for _, line := range samples(t, "0[1-9]-*.log") {
		m := sampleLine.FindStringSubmatch(line)
		if m == nil { // a date with a day that is not padded, which vsftpd doesn't write
			require.Regexp(t, `^\w+ \w+ \d `, line)
			continue
		}
		count++
		at, err := time.ParseInLocation(time.ANSIC, m[1], time.UTC)
		require.NoError(t, err)
		e := Entry{Time: at, Number: uint64(read(t, m[2])), User: m[3], Failed: m[4] == "FAIL", Word: m[5], Client: netip.MustParseAddr(m[6]), Email: m[7], Text: m[8], Bytes: read(t, m[9])}
		if m[7] != "" {
			e.Kind = Anonymous
		}
		if rate, _ := strconv.ParseFloat(m[10], 64); rate > 0 {
			e.Took = time.Duration(float64(e.Bytes) / 1024 / rate * 1e9)
		}
		rate := regexp.MustCompile(`[\d.]+Kbyte/sec`) // is rounded
		want, got := strings.ReplaceAll(line, "::ffff:", ""), strings.TrimSuffix(e.Line(), "\n")
		require.Equal(t, rate.ReplaceAllString(want[len("Mon"):], "R"), rate.ReplaceAllString(got[len("Mon"):], "R"))
	}
	require.Greater(t, count, 150)
}

// Every line of real transfer logs of vsftpd is written by an entry with the same fields.
func TestTransferOfSamples(t *testing.T) {
	count := 0
	for _, line := range samples(t, "1[0-2]-*xferlog") {
		m := sampleXfer.FindStringSubmatch(line)
		if m == nil { // of another server, which notes deletions
			require.Contains(t, line, " _ d ")
			continue
		}
		count++
		at, err := time.ParseInLocation(time.ANSIC, m[1], time.UTC)
		require.NoError(t, err)
		e := Entry{
			Time: at, Took: time.Duration(read(t, m[2])) * time.Second, Client: netip.MustParseAddr(m[3]), Bytes: read(t, m[4]), Text: m[5],
			ASCII: m[6] == "a", Word: Download, Kind: Kind(m[8][0]), User: m[9], Email: m[9], Failed: m[10] == "i",
		}
		if m[7] == "i" {
			e.Word = Upload
		}
		require.Equal(t, strings.ReplaceAll(line, "::ffff:", "")+"\n", e.Transfer())
	}
	require.Greater(t, count, 40)
}
