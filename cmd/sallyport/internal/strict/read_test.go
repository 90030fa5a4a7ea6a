package strict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type sample struct {
	Name    string          `toml:"name"`
	On      bool            `toml:"on"`
	Small   int8            `toml:"small"`
	Wait    time.Duration   `toml:"wait"`
	Colour  colour          `toml:"colour"`
	Colours []colour        `toml:"colours"`
	Inner   inner           `toml:"inner"`
	User    map[string]user `toml:"user"`
	Folder  []folder        `toml:"folder"`
	Ignored int
}

type inner struct {
	Listen string `toml:"listen"`
	Ports  []int  `toml:"ports"`
}

type user struct {
	Home   string   `toml:"home"`
	Groups []string `toml:"groups"`
	Deep   inner    `toml:"deep"`
}

type folder struct {
	Path string `toml:"path"`
}

type colour string

func (c *colour) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return errors.New("want red")
	}
	*c = colour(text)
	return nil
}

func read(t *testing.T, to *sample, texts ...string) (Places, string) {
	t.Helper()
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{string(rune('a' + i)), []byte(text)})
	}
	places, problems := Read(to, sources...)
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Error() + "\n")
	}
	return places, b.String()
}

func TestRead(t *testing.T) {
	s := sample{Name: "before", Small: 3}
	places, problems := read(t, &s, `
# a comment
wait = "1m30s"
on = true
colour = "red"
colours = [ "red",
  "red" ]
inner.listen = ":21"
inner.ports = [1_000, 0x10]

[user.alice]
home = '/srv/alice'
[user."b.ob"]
groups = ["a"]
deep = { listen = "x" }
[[folder]]
path = "p1"
[[folder]]
path = "p2"
`, `
name = "later"
[user.alice]
groups = ["b"]
[[folder]]
path = "p3"
[inner]
ports = []
`)
	require.Empty(t, problems)
	require.Equal(t, sample{
		Name: "later", On: true, Small: 3, Wait: 90 * time.Second, Colour: "red", Colours: []colour{"red", "red"},
		Inner: inner{":21", []int{}},
		User: map[string]user{
			"alice": {Home: "/srv/alice", Groups: []string{"b"}},
			"b.ob":  {Groups: []string{"a"}, Deep: inner{Listen: "x"}},
		},
		Folder: []folder{{"p1"}, {"p2"}, {"p3"}},
	}, s)
	require.Equal(t, "a:12:1", places["user.alice.home"].String())
	require.Equal(t, "b:6:1", places["folder[2].path"].String())
	require.Equal(t, "a:13:7: user.\"b.ob\".home: no", places.Problem(`user."b.ob".home`, "n%s", "o").Error())
	require.Equal(t, "absent: no", places.Problem("absent", "no").Error())
	require.True(t, places.Set("wait"))
	require.False(t, places.Set("small"))
}

// All mistakes are reported at once, each with its place.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"nmae = 1":                     "a:1:1: nmae: this is not known; did you mean name?\n",
		"ignored = 1":                  "a:1:1: ignored: this is not known; known here are colour, colours, folder, inner, name, on, small, user, wait\n",
		"on = \"yes\"\n name = true":   "a:1:1: on: want true or false, not the text \"yes\"\na:2:2: name: want a text in quotes, not true\n",
		"small = 200":                  "a:1:1: small: 200 is too large; the largest is 127\n",
		"small = 99999999999999999999": "a:1:1: small: 99999999999999999999 is too large; the largest is 127\n",
		"small = 1.5":                  "a:1:1: small: want a whole number, not 1.5\n",
		"wait = \"-1s\"":               "a:1:1: wait: want a duration such as \"30s\" or \"5m\", not \"-1s\"\n",
		"wait = 30":                    "a:1:1: wait: want a duration such as \"30s\" or \"5m\", not 30\n",
		"colour = \"blue\"":            "a:1:1: colour: want red\n",
		"colours = [\"blue\", 1]":      "a:1:1: colours[0]: want red\na:1:1: colours[1]: want a text in quotes, not 1\n",
		"colours = \"red\"":            "a:1:1: colours: want a list in [ ], not the text \"red\"\n",
		"[user]\nalice = 1":            "a:2:1: user.alice: want a table, not 1\n",
		"[folder]\npath = \"x\"":       "a:1:2: folder: want an array of tables, each begun by [[folder]], not a table\n",
		"[[inner]]":                    "a:1:3: inner: want a table, not an array of tables\n",
		"name = \"a\"\nname = \"b\"":   "a:2:1: name: it is there already, see a:1:1\n",
		"[inner]\n[inner]":             "a:2:2: inner: it is there already, see a:1:2\n",
		"inner.listen = \"\"\n[inner]": "",
		"inner = {}\n[inner.ports]":    "a:2:2: inner: this is no table that can be added to, see a:1:1\n",
		"inner = {}\ninner.ports = []": "a:2:1: inner: this is no table that can be added to, see a:1:1\n",
		"[inner.deep]":                 "a:1:8: inner.deep: this is not known; known here are listen, ports\n",
		"[user.alice]\nhme = 1\n[user.bob.deep]\nlisten = 1": "a:2:1: user.alice.hme: this is not known; did you mean home?\n" +
			"a:4:1: user.bob.deep.listen: want a text in quotes, not 1\n",
	} {
		_, got := read(t, new(sample), text)
		require.Equal(t, want, got, text)
	}
}

// Problems show invisible characters, and what comes before a syntax error is still checked.
func TestSyntax(t *testing.T) {
	_, got := read(t, new(sample), "nam = 1\nname = \u201cx\u201d\u00a0\nsmall = 1")
	require.Equal(t, 2, strings.Count(got, "\n"), got)
	require.Contains(t, got, "a:2:8: ")
	require.Contains(t, got, `what follows was not read: "name = “x”\u00a0"`)
	require.Contains(t, got, "a:1:1: nam: this is not known")
	_, got = read(t, new(sample), "[user")
	require.Contains(t, got, "a:1:")
	_, got = read(t, new(sample), "\xff\xfe")
	require.Contains(t, got, `"\xff\xfe"`)
}

// The fields of a Table may be known only at run time, and dates need no quotes.
func TestTable(t *testing.T) {
	var d dynamic
	_, problems := Read(&d, Source{"a", []byte("size = \"big\"\nday = 2027-01-31\nlist = []")})
	require.Empty(t, problems)
	require.Equal(t, dynamic{"big", "2027-01-31", []string{}}, d)
	_, problems = Read(&d, Source{"a", []byte("siez = 1\nday = 7")})
	require.Len(t, problems, 2)
	require.Equal(t, "a:1:1: siez: this is not known; did you mean size?", problems[0].Error())
	require.Equal(t, "a:2:1: day: want a text in quotes, not 7", problems[1].Error())
	require.Equal(t, `user."b.ob".home`, Key("user", "b.ob", "home"))
}

type dynamic struct {
	size string
	day  day
	list []string
}

func (d *dynamic) Fields() map[string]any {
	return map[string]any{"size": &d.size, "day": &d.day, "list": &d.list}
}

type day string

func (d *day) UnmarshalText(text []byte) error { *d = day(text); return nil }

func TestFiles(t *testing.T) {
	sources, problems := Files(t.TempDir()+"/none.toml", "read_test.go")
	require.Len(t, sources, 1)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Error(), "none.toml: no such file")
}

func FuzzRead(f *testing.F) {
	f.Add("name = 1\n[[folder]]\npath.x = {a = [1, {}]}")
	f.Add("[a.b]\n[a]\n[[a]]")
	f.Fuzz(func(t *testing.T, text string) {
		var s sample
		Read(&s, Source{"a", []byte(text)}, Source{"b", []byte(text)})
	})
}
