package wire

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

func TestAppendLIST(t *testing.T) {
	for _, tt := range []struct {
		entry Entry
		want  string
	}{
		{Entry{Name: "a", Size: 5, Mode: 0o644, ModTime: noon},
			"-rw-r--r--    1 ftp      ftp                 5 Mar  9 12:00 a"},
		{Entry{Name: "dir with space", Mode: fs.ModeDir | 0o755, ModTime: noon.AddDate(0, 0, 3), Links: 12, Owner: "alice", Group: "staff"},
			"drwxr-xr-x   12 alice    staff               0 Mar 12  2026 dir with space"},
		{Entry{Name: "l", Mode: fs.ModeSymlink | 0o777, ModTime: noon, Target: "../x y"},
			"lrwxrwxrwx    1 ftp      ftp                 0 Mar  9 12:00 l -> ../x y"},
		{Entry{Name: "not a link", Mode: 0, ModTime: noon, Target: "x"},
			"----------    1 ftp      ftp                 0 Mar  9 12:00 not a link"},
		{Entry{Name: "big", Size: 1<<63 - 1, Mode: 0o600, ModTime: noon, Links: 1<<64 - 1, Owner: "a very long owner", Group: "a\nb;c"},
			"-rw------- 18446744073709551615 a_very_long_owner a?b;c    9223372036854775807 Mar  9 12:00 big"},
		{Entry{Name: "neg", Size: -1, Mode: 0o600},
			"-rw-------    1 ftp      ftp                 0 Jan  1  1970 neg"},
		{Entry{Name: "a\r\nb\x00\x7f\u0085\xff\x1b\u009bü", Owner: "\xff\x1b\u0085", Mode: fs.ModeSymlink, ModTime: noon, Target: "x\ny"},
			"l---------    1 ???      ftp                 0 Mar  9 12:00 a??b?\x7f\u0085\xff\x1b\u009bü -> x?y"},
	} {
		assert.Equal(t, tt.want+"\r\n", string(AppendLIST(nil, &tt.entry, noon)))
	}
}

func TestListMode(t *testing.T) {
	for _, tt := range []struct {
		mode fs.FileMode
		want string
	}{
		{0, "----------"},
		{0o777, "-rwxrwxrwx"},
		{0o421, "-r---w---x"},
		{fs.ModeSetuid | 0o755, "-rwsr-xr-x"},
		{fs.ModeSetuid | 0o655, "-rwSr-xr-x"},
		{fs.ModeSetgid | 0o755, "-rwxr-sr-x"},
		{fs.ModeSetgid | 0o745, "-rwxr-Sr-x"},
		{fs.ModeDir | fs.ModeSticky | 0o777, "drwxrwxrwt"},
		{fs.ModeDir | fs.ModeSticky | 0o776, "drwxrwxrwT"},
		{fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky, "---S--S--T"},
		{fs.ModeNamedPipe, "p---------"},
		{fs.ModeSocket, "s---------"},
		{fs.ModeDevice, "b---------"},
		{fs.ModeDevice | fs.ModeCharDevice, "c---------"},
		{fs.ModeIrregular | fs.ModeAppend | fs.ModeTemporary, "----------"},
	} {
		assert.Equal(t, tt.want, string(appendMode(nil, tt.mode)))
	}
}

func TestListDate(t *testing.T) {
	zone := time.FixedZone("", 3*3600)
	for _, tt := range []struct {
		time time.Time
		want string
	}{
		{noon, "Mar  9 12:00"},
		{noon.In(zone), "Mar  9 15:00"},
		{noon.Add(24 * time.Hour), "Mar 10 12:00"},
		{noon.Add(24*time.Hour + 1), "Mar 10  2026"},
		{noon.Add(-recent), "Sep 10 12:00"},
		{noon.Add(-recent - 1), "Sep 10  2025"},
		{time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), "Dec 31  1999"},
		{time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC), "Jan  1  9999"},
		{time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "Jan  1  0000"},
		{time.Time{}, "Jan  1  1970"},
	} {
		assert.Equal(t, tt.want, string(appendDate(nil, tt.time, noon)), "%v", tt.time)
	}
	for day := range 400 {
		at := noon.AddDate(0, 0, -day)
		form := "Jan _2 15:04"
		if day > 180 {
			form = "Jan _2  2006"
		}
		assert.Equal(t, at.Format(form), string(appendDate(nil, at, noon)))
	}
}

func TestAppendNLST(t *testing.T) {
	assert.Equal(t, "x\r\na b\r\n", string(AppendNLST([]byte("x\r\n"), "", "a b")))
	assert.Equal(t, "a??b\r\n", string(AppendNLST(nil, "", "a\r\nb")))
	assert.Equal(t, "d?/a?b\r\n", string(AppendNLST(nil, "d\n/", "a\nb")))
	assert.Equal(t, "caf\xe9/\xff\r\n", string(AppendNLST(nil, "caf\xe9/", "\xff")))
}

func TestAppendMLSx(t *testing.T) {
	file := Entry{Name: "f", Size: 5, Mode: 0o644, ModTime: noon.In(time.FixedZone("", 3600)), Owner: "al ice", Group: "x;y", ID: "8U1"}
	dir := Entry{Name: "d", Size: 4096, Mode: fs.ModeDir | fs.ModeSticky | 0o777, ModTime: noon}
	link := func(target string) Entry { return Entry{Mode: fs.ModeSymlink | 0o777, Target: target} }
	for _, tt := range []struct {
		entry   Entry
		kind    string
		display string
		facts   Facts
		want    string
	}{
		{file, "", "/a b/f", AllFacts, "type=file;size=5;modify=20260309120000;perm=adfrw;unique=8U1;UNIX.mode=0644;UNIX.owner=al_ice;UNIX.group=x_y; /a b/f"},
		{dir, "", "d", AllFacts, "type=dir;modify=20260309120000;perm=flcdmpe;UNIX.mode=1777; d"},
		{dir, "cdir", "/d", FactType | FactSize, "type=cdir; /d"},
		{dir, "pdir", "..", FactType, "type=pdir; .."},
		{file, "", "f", 0, " f"},
		{file, "", "f", FactSize, "size=5; f"},
		{link("../x"), "", "l", FactType, "type=OS.unix=slink:../x; l"},
		{link(""), "", "l", FactType, "type=OS.unix=symlink; l"},
		{link("a b"), "", "l", FactType, "type=OS.unix=symlink; l"},
		{link("a;type=dir"), "", "l", FactType, "type=OS.unix=symlink; l"},
		{link("a\r\nb"), "", "l", FactType, "type=OS.unix=symlink; l"},
		{Entry{Size: -1, Mode: fs.ModeSocket}, "", "a\r\nb\xff", AllFacts, "type=OS.unix=socket;perm=df;UNIX.mode=0000; a??b\xff"},
		{Entry{Mode: 0o644, Denied: []byte("wda")}, "", "f", FactPerm, "perm=fr; f"},
		{Entry{Mode: fs.ModeDir | 0o755, Denied: []byte("flcdmpe")}, "", "d", FactPerm, "perm=; d"},
		{Entry{Size: -1}, "", "f", AllFacts, "type=file;size=0;perm=;UNIX.mode=0000; f"},
		{Entry{Mode: fs.ModeNamedPipe | 0o644}, "", "p", FactType | FactSize | FactPerm, "type=OS.unix=fifo;perm=df; p"},
		{Entry{Mode: fs.ModeDevice | 0o644}, "", "d", FactType | FactSize, "type=OS.unix=device; d"},
		{Entry{Mode: fs.ModeSetuid | fs.ModeSetgid | 0o755}, "", "x", FactUnixMode, "UNIX.mode=6755; x"},
	} {
		assert.Equal(t, tt.want+"\r\n", string(AppendMLSx(nil, &tt.entry, tt.kind, tt.display, tt.facts)))
	}
}

func TestPerm(t *testing.T) {
	for _, tt := range []struct {
		mode fs.FileMode
		dir  bool
		want string
	}{
		{0o644, false, "adfrw"}, {0o444, false, "r"}, {0o222, false, "adfw"}, {0o111, false, ""}, {0o060, false, "adfrw"},
		{0o755, true, "flcdmpe"}, {0o555, true, "le"}, {0o333, true, "fcdmpe"}, {0o111, true, "e"}, {0, true, ""},
	} {
		assert.Equal(t, tt.want, string(appendPerm(nil, tt.mode, tt.dir)), "%o", tt.mode)
	}
}

// lsLine is a pattern for lines of "ls -l" as clients have it.
var lsLine = regexp.MustCompile(`^[-dlpscb][-rwxsStT]{9} +\d+ [^ ]+ +[^ ]+ +\d+ [A-Z][a-z][a-z] [ \d]\d [ \d]\d[:\d]\d\d `)

func FuzzListing(f *testing.F) {
	f.Add("name", "owner", "target", int64(5), uint32(0o644), int64(1770000000), uint32(255))
	f.Add("a\r\n-rw x", "o o\n", "t;\u0085 \xff", int64(-1), uint32(fs.ModeSymlink|0o777), int64(-1<<62), uint32(7))
	f.Fuzz(func(t *testing.T, name, owner, target string, size int64, mode uint32, unix int64, facts uint32) {
		e := Entry{Name: name, Size: size, Mode: fs.FileMode(mode), ModTime: time.Unix(unix, 0).UTC(),
			Links: uint64(facts), Owner: owner, Group: target, Target: target, ID: owner}
		list := AppendLIST(nil, &e, noon)
		oneLine(t, list)
		require.Regexp(t, lsLine, string(list))

		oneLine(t, AppendNLST(nil, "", name))

		line := AppendMLSx(nil, &e, "", name, Facts(facts))
		oneLine(t, line)
		head, display, found := strings.Cut(strings.TrimSuffix(string(line), "\r\n"), " ")
		require.True(t, found)
		require.Equal(t, string(appendName(nil, name)), display)
		if head == "" {
			return
		}
		got, rest, err := ParseMFF(head + " x")
		require.NoError(t, err, "%q", line)
		require.Equal(t, "x", rest)
		var asked Facts
		for _, fact := range got {
			one := ParseFacts(fact.Name)
			require.NotZero(t, one)
			require.Zero(t, asked&one, "twice")
			asked |= one
		}
		require.Zero(t, asked&^Facts(facts), "not asked for")
	})
}

// oneLine holds a line to one CRLF, at the end.
func oneLine(t *testing.T, line []byte) {
	t.Helper()
	body, found := bytes.CutSuffix(line, []byte("\r\n"))
	require.True(t, found)
	require.False(t, bytes.ContainsAny(body, "\r\n\x00"), "%q", line)
}

func benchEntry() *Entry {
	return &Entry{Name: "quarterly report 2026.pdf", Size: 1 << 20, Mode: 0o644, ModTime: noon.Add(-time.Hour),
		Links: 1, Owner: "alice", Group: "staff", ID: "fd00U1a2b3c"}
}

// An odd byte is seen wherever it is in a name of any length.
func TestPlainNames(t *testing.T) {
	for length := range 20 {
		name := bytes.Repeat([]byte{'x'}, length)
		require.True(t, plain(string(name)))
		for at := range name {
			for c := range 256 {
				name[at] = byte(c)
				require.Equal(t, ' ' <= c && c < 0x7f, plain(string(name)), "%q", name)
			}
			name[at] = 'x'
		}
	}
}

func BenchmarkAppendNLST(b *testing.B) {
	line := make([]byte, 0, 1000)
	for b.Loop() {
		line = AppendNLST(line[:0], "", "some file of 2026-11-22.txt")
	}
}

func BenchmarkAppendLIST(b *testing.B) {
	b.ReportAllocs()
	e, dst := benchEntry(), make([]byte, 0, 512)
	for b.Loop() {
		dst = AppendLIST(dst[:0], e, noon)
	}
}

func BenchmarkAppendMLSx(b *testing.B) {
	b.ReportAllocs()
	e, dst := benchEntry(), make([]byte, 0, 512)
	for b.Loop() {
		dst = AppendMLSx(dst[:0], e, "", e.Name, AllFacts)
	}
}
