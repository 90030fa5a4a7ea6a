package sidebyside

import (
	"fmt"
	"strings"
)

// table shows how many differences there were, by file and script.
type table struct {
	scripts []Script
	lines   []string
	same    int // sessions
	all     int
}

// add adds the line of a file.
func (t *table) add(file string, found map[string][]Difference) {
	line := fmt.Sprintf("%-18s", file)
	if start := found[""]; len(start) > 0 {
		t.lines = append(t.lines, line+" "+start[0].Theirs+" / "+start[0].Ours)
		return
	}
	for _, s := range t.scripts {
		sessions, differences := 0, 0
		for key, all := range found {
			if strings.HasPrefix(key, s.Name+" ") {
				sessions++
				differences += len(all)
				t.all++
				if len(all) == 0 {
					t.same++
				}
			}
		}
		cell := fmt.Sprint(differences)
		if differences == 0 {
			cell = "="
		}
		if sessions == 0 {
			cell = "-"
		}
		line += fmt.Sprintf("%4s", cell)
	}
	t.lines = append(t.lines, line)
}

// String returns the table. Scripts have numbers, since their names would not fit.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("Sessions with the same file and script: = where all is the same, else the number of differences that docs/vsftpd.md tells.\n")
	for i, s := range t.scripts {
		fmt.Fprintf(&b, "%3d %-18s", i+1, s.Name)
		if i%5 == 4 {
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "\n%-18s", "")
	for i := range t.scripts {
		fmt.Fprintf(&b, "%4d", i+1)
	}
	b.WriteString("\n" + strings.Join(t.lines, "\n"))
	fmt.Fprintf(&b, "\n%d sessions with each daemon, of which %d were the same to the letter\n", t.all, t.same)
	return b.String()
}
