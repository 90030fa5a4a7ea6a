package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A form prints a report in one form.
type form func(out *strings.Builder, rep *report)

// print writes the report in a form.
func (rep *report) print(w io.Writer, as form) error {
	var out strings.Builder
	if rep.Quick {
		out.WriteString("A quick trial: the numbers mean nothing.\n\n")
	}
	as(&out, rep)
	fmt.Fprintf(&out, "%s. %s.\n", known(rep.Servers), rep.Machine)
	_, err := io.WriteString(w, out.String())
	return err
}

// text prints a table for each workload, aligned for a terminal, and at last
// the marks.
func text(out *strings.Builder, rep *report) {
	for _, o := range rep.Outcomes {
		fmt.Fprintf(out, "%s: %s, %s\n", o.Workload, o.Title, plural(o.rounds(), "round"))
		cols := columnsOf(o.Unit, o.Rows)
		lines := [][]string{{""}}
		for _, c := range cols {
			lines[0] = append(lines[0], c.head())
		}
		for _, r := range o.Rows {
			line := []string{r.Server}
			for _, c := range cols {
				line = append(line, c.cell(r))
			}
			if len(r.Samples) == 0 {
				line = []string{r.Server, failed}
			}
			lines = append(lines, line)
		}
		align(out, lines)
		for _, r := range o.Rows {
			if n := len(r.Errors); n > 0 {
				fmt.Fprintf(out, "  %s failed in %d of %s: %s\n", r.Server, n, plural(n+len(r.Samples), "run"), r.Errors[n-1])
			}
		}
		out.WriteByte('\n')
	}
	out.WriteString("marks\n")
	var lines [][]string
	for _, v := range rep.judge() {
		lines = append(lines, []string{string(v.state), v.workload, v.mark.String(), v.because})
	}
	align(out, lines)
	out.WriteByte('\n')
}

// align writes lines of cells in columns as wide as needed: the first aligned
// to the left, the others to the right, and no blanks at the ends of lines.
func align(out *strings.Builder, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func known(versions []version) string {
	var all []string
	for _, v := range versions {
		all = append(all, strings.TrimSpace(v.Name+" "+v.Version))
	}
	return strings.Join(all, ", ")
}
