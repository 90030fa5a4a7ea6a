package strict

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A JSON object is read like a table of TOML.
func TestReadJSON(t *testing.T) {
	s := user{Home: "before"}
	places, problems := ReadJSON("user.alice", &s, Source{"a", []byte("{\n  \"groups\": [\"a\", \"b\\u0063\"],\n \"deep\" : {\"listen\": \"x\", \"ports\": [1, 20]}}\n")})
	require.Empty(t, problems)
	require.Equal(t, user{Home: "before", Groups: []string{"a", "bc"}, Deep: inner{"x", []int{1, 20}}}, s)
	require.Equal(t, "a:1:1", places["user.alice"].String())
	require.Equal(t, "a:2:3", places["user.alice.groups"].String())
	require.Equal(t, "a:3:12", places["user.alice.deep.listen"].String())
	all := sample{}
	_, problems = ReadJSON("", &all, Source{"a", []byte(`{"on": true, "small": 7, "wait": "30s", "colour": "red"}`)})
	require.Empty(t, problems)
	require.Equal(t, sample{On: true, Small: 7, Wait: 30 * time.Second, Colour: "red"}, all)
}

func TestJSONProblems(t *testing.T) {
	const none = `want a JSON object such as {"home": "/srv/ftp"}: `
	for text, want := range map[string]string{
		``:                                "a:1:1: " + none + "it ends too early\n",
		`{"nmae": 1,`:                     none + "it ends too early\n",
		`{"name": "x"`:                    none + "it ends too early\n",
		`[]`:                              "a:1:1: " + none + "this is none\n",
		`"name"`:                          "a:1:1: " + none + "this is none\n",
		`null`:                            "a:1:1: " + none + "this is none\n",
		`{} {}`:                           "a:1:4: " + none + "something follows the object\n",
		`{"name": }`:                      "a:1:10: " + none,
		`{"name": null}`:                  "a:1:10: " + none + "name: null says nothing; leave it out\n",
		strings.Repeat(`{"x":`, 20):       none + "it is nested too deep\n",
		`{"x":` + strings.Repeat(`[`, 20): none + "it is nested too deep\n",
		`{"nmae": 1}`:                     "a:1:2: nmae: this is not known; did you mean name?\n",
		`{"on": "yes", "small": 1.5}`:     "a:1:2: on: want true or false, not the text \"yes\"\na:1:15: small: want a whole number, not 1.5\n",
		`{"small": 1e2}`:                  "a:1:2: small: want a whole number, not 1e2\n",
		`{"small": 200}`:                  "a:1:2: small: 200 is too large; the largest is 127\n",
		`{"name": "a", "name": "b"}`:      "a:1:15: name: it is there already, see a:1:2\n",
		`{"colours": ["red", 1]}`:         "a:1:2: colours[1]: want a text in quotes, not 1\n",
		`{"inner": []}`:                   "a:1:2: inner: want a table, not a list\n",
	} {
		var b strings.Builder
		_, problems := ReadJSON("", new(sample), Source{"a", []byte(text)})
		for _, p := range problems {
			b.WriteString(p.Error() + "\n")
		}
		require.Contains(t, b.String(), want, text)
	}
}

// A file can be read as one table of a larger whole.
func TestReadTable(t *testing.T) {
	var u user
	places, problems := ReadTable("user.alice", &u, Source{"a", []byte("home = \"x\"\n[deep]\nlisten = 1\n[other]")})
	require.Len(t, problems, 2)
	require.Equal(t, "a:3:1: user.alice.deep.listen: want a text in quotes, not 1", problems[0].Error())
	require.Equal(t, "a:4:2: user.alice.other: this is not known; known here are deep, groups, home", problems[1].Error())
	require.Equal(t, "a:1:1", places["user.alice.home"].String())
	require.Equal(t, "a:1:1: user.alice.start: no", places.Problem("user.alice.start", "no").Error())
}

func FuzzReadJSON(f *testing.F) {
	f.Add(`{"name": "x", "inner": {"ports": [1]}}`)
	f.Add(`{"folder": [{"path": {}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s sample
		ReadJSON("user.alice", &s, Source{"a", []byte(text)})
	})
}
