package sidebyside

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is compared, and what isn't.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name         string
		theirs, ours Step
		want         []Difference
	}{
		{"texts for people", Step{Line: "NOOP", Replies: []string{"200 NOOP ok."}}, Step{Line: "NOOP", Replies: []string{"200 OK."}}, nil},
		{"codes", Step{Line: "ALLO", Replies: []string{"202 ALLO command ignored."}}, Step{Line: "ALLO", Replies: []string{"501 Usage"}}, []Difference{{"ALLO", "202", "501"}}},
		{"a reply too few", Step{Line: "RETR a", Replies: []string{"150 a (1 bytes).", "226 Done."}}, Step{Line: "RETR a", Replies: []string{"150 Now (1 bytes)."}}, []Difference{{"RETR a", "226 Done.", ""}}},
		{"sizes", Step{Line: "RETR a", Replies: []string{"150 a (1 bytes)."}}, Step{Line: "RETR a", Replies: []string{"150 a."}}, []Difference{{"RETR a", "150 (1 bytes)", "150"}}},
		{"other paths", Step{Line: "PWD", Replies: []string{`257 "/home/a/b" is it`}}, Step{Line: "PWD", Replies: []string{`257 "/c" is it.`}}, []Difference{{"PWD", `257 "/home/a/b"`, `257 "/c"`}}},
		{"features", Step{Line: "FEAT", Replies: []string{"211-Features:\n EPRT\n211 End"}}, Step{Line: "FEAT", Replies: []string{"211-Here:\n EPSV\n211 End."}}, []Difference{{"FEAT", "EPRT", ""}, {"FEAT", "", "EPSV"}}},
		{"times of ports", Step{Line: "PASV", Replies: []string{"227 Entering Passive Mode (127,0,0,1,1,2)."}}, Step{Line: "PASV", Replies: []string{"227 Entering Passive Mode (127,0,0,1,3,4)."}}, nil},
		{"an owner", Step{Line: "LIST", Data: "-rw-r--r--    1 0        0               4 Mar 04  2024 a b\r\n"}, Step{Line: "LIST", Data: "-rw-r--r--    1 root     0               4 Mar 04  2024 a b\r\n"}, []Difference{{"(owner in listings)", "0", "root"}}},
		{"order", Step{Line: "NLST", Data: "a\r\nb\r\n"}, Step{Line: "NLST", Data: "b\r\na\r\n"}, []Difference{{"(order of listings)", "by name", "another"}}},
		{"new files", Step{Line: "LIST", Data: "-rw-r--r--    1 0        0               4 Mar 04 10:11 a\r\n"}, Step{Line: "LIST", Data: "-rw-r--r--    1 0        0               4 Mar 04 10:12 a\r\n"}, nil},
		{"content", Step{Line: "RETR a", Data: "a\n"}, Step{Line: "RETR a", Data: "a\r\n"}, []Difference{{"RETR a", `"a\n"`, `"a\r\n"`}}},
	} {
		require.Equal(t, c.want, compare([]Step{c.theirs}, []Step{c.ours}), c.name)
	}
}

// A row tells what it says and nothing else.
func TestRows(t *testing.T) {
	r := &row{commands: patterns("`ALLO`, `ALLO *`"), theirs: patterns("`202`"), ours: patterns("`501`")}
	require.True(t, told([]*row{r}, Difference{"ALLO x", "202", "501"}))
	require.True(t, r.used)
	for _, d := range []Difference{{"ALLOW", "202", "501"}, {"ALLO", "200", "501"}, {"ALLO", "202", ""}} {
		require.False(t, r.tells(d), d)
	}
	none := &row{commands: patterns("`FEAT`"), ours: patterns("`MLST *`")}
	require.True(t, none.tells(Difference{"FEAT", "", "MLST type*"}))
	require.False(t, none.tells(Difference{"FEAT", "MLST", "MLST type*"}))
	rows, err := known()
	require.NoError(t, err)
	require.NotEmpty(t, rows)
}
