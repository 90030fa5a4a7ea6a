package wire

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestResolve(t *testing.T) {
	for _, tt := range []struct{ cwd, arg, want string }{
		{".", "", "."},
		{"a/b", "", "a/b"},
		{".", "a", "a"},
		{"a", "b", "a/b"},
		{"a", "/b", "b"},
		{"a", "/", "."},
		{"a", "//", "."},
		{"a/b", ".", "a/b"},
		{"a/b", "..", "a"},
		{"a", "..", "."},
		{".", "..", "."},
		{"a", "../../../etc/passwd", "etc/passwd"},
		{"a", "/../../etc/passwd", "etc/passwd"},
		{"a/b/c", "../../x/./y//z/", "a/x/y/z"},
		{"a", "b/", "a/b"},
		{"a", "./b/../c", "a/c"},
		{"a", "...", "a/..."},
		{"a", "..b/.c", "a/..b/.c"},
		{"a", `..\..\etc`, `a/..\..\etc`},
		{"a", `\`, `a/\`},
		{"a", "%2e%2e/x", "a/%2e%2e/x"},
		{"a", " b ", "a/ b "},
		{"a", "~", "a/~"},
		{"ü", "../漢", "漢"},
	} {
		got, err := Resolve(tt.cwd, tt.arg)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, "%q in %q", tt.arg, tt.cwd)
		assert.True(t, fs.ValidPath(got))
	}
	for name, arg := range map[string]string{"caf\xe9": "caf\xe9", "\xff": "x\xfe/../\xff", "\xc0\xae\xc0\xae/b": "\xc0\xae\xc0\xae/b"} {
		got, err := Resolve(".", arg)
		require.NoError(t, err)
		assert.Equal(t, name, got, "names are bytes")
	}
	for _, arg := range []string{"a\x00b", "a\rb", "a\nb", strings.Repeat("x", 4097)} {
		_, err := Resolve(".", arg)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%.10q", arg)
	}
	_, err := Resolve(strings.Repeat("x", 4090), "12345")
	assert.NoError(t, err)
	_, err = Resolve(strings.Repeat("x", 4090), "123456")
	assert.Error(t, err)
}

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		cwd, arg string
		want     Path
	}{
		{"a", "", Path{Name: "a"}},
		{"a", ".", Path{Name: "a"}},
		{"a", "..", Path{Name: "."}},
		{"a", "../", Path{Name: "."}},
		{"a", "../..", Path{Name: "."}},
		{"a", "/", Path{Name: "."}},
		{"a", "b", Path{Name: "a/b"}},
		{"a", "b/", Path{Name: "a/b", Dir: true}},
		{"a", "b//", Path{Name: "a/b", Dir: true}},
		{"a", "b/.", Path{Name: "a/b", Dir: true}},
		{"a", "b/./", Path{Name: "a/b", Dir: true}},
		{"a", "b/c", Path{Name: "a/b/c"}},
		{"a", "../b", Path{Name: "b"}},
		{"a", "b/..", Path{Name: "a", Through: []string{"a/b"}}},
		{"a", "b/../c", Path{Name: "a/c", Through: []string{"a/b"}}},
		{"a", "b/./../c/", Path{Name: "a/c", Dir: true, Through: []string{"a/b"}}},
		{"a", "b/c/../../d", Path{Name: "a/d", Through: []string{"a/b/c"}}},
		{"a", "/b/../c/../b/../d", Path{Name: "d", Through: []string{"b", "c"}}},
		{".", "b/../../../c/../d", Path{Name: "d", Through: []string{"b", "c"}}},
	} {
		got, err := ParsePath(tt.cwd, tt.arg)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, "%q in %q", tt.arg, tt.cwd)
	}
	_, err := ParsePath(".", strings.Repeat("a/../", 800)+"b")
	assert.NoError(t, err, "one directory again and again")
	_, err = ParsePath(".", "1/../2/../3/../4/../5/../6/../7/../8/../9")
	assert.NoError(t, err)
	_, err = ParsePath(".", "1/../2/../3/../4/../5/../6/../7/../8/../9/..")
	assert.Error(t, err, "each would have to be looked up")
}

func TestDisplay(t *testing.T) {
	assert.Equal(t, "/", Display("."))
	assert.Equal(t, "/a/b", Display("a/b"))
}

func FuzzResolve(f *testing.F) {
	f.Add("a/b", "../../../x")
	f.Add(".", "//a/./b/..")
	f.Add("a", `..\x`)
	f.Add("ü", "\x00")
	f.Add("caf\xe9", "\xff/../\xfe")
	f.Add("a\x00", "b")
	f.Fuzz(func(t *testing.T, dir, arg string) {
		cwd, err := Resolve(".", dir) // as CWD makes one, so without NUL
		if err != nil {
			return
		}
		got, err := Resolve(cwd, arg)
		if err != nil {
			require.Empty(t, got)
			return
		}
		require.True(t, fs.ValidPath(strings.ToValidUTF8(got, "\ufffd")), "%q", got)
		require.LessOrEqual(t, len(got), maxPath)
		again, err := Resolve(cwd, Display(got))
		require.NoError(t, err)
		require.Equal(t, got, again)

		want := path.Join(Display(cwd), arg)
		if strings.HasPrefix(arg, "/") {
			want = path.Clean(arg)
		}
		require.Equal(t, want, Display(got))
	})
}
