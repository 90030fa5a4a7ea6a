package strict

import (
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Lines and columns count from 1, columns in bytes. Without a line File is what people
// read, and without a column the position is the whole line.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, which editors and terminals can open.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	Position        // zero if it is in no file
	Key      string // dotted, as a file would have it
	Text     string // what is wrong and what would be right
	Unknown  bool   // there is no such key
}

func (p *Problem) Error() string {
	text := p.Text
	if p.Key != "" {
		text = p.Key + ": " + text
	}
	if p.File == "" {
		return text
	}
	return p.Position.String() + ": " + text
}

// Nearest returns the known name that a mistyped one resembles most; empty if it resembles none.
func Nearest(name string, known []string) string {
	best, at := len(name)/3+2, ""
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), k); d < best {
			best, at = d, k
		}
	}
	return at
}

// distance returns how many letters have to be added, removed, changed or swapped with a neighbour to turn a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			changed := 1
			if a[i-1] == b[j-1] {
				changed = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
