package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Theme colours a piece of a report for a terminal: it returns text within escape sequences. style is a [Severity],
// "title" or "dim". A nil Theme leaves all text plain. A Theme gets only a few words at a time, and never a line end.
type Theme func(style, text string) string

func (t Theme) paint(style, text string) string {
	if t == nil {
		return text
	}
	return t(style, text)
}

// String returns the report as plain text.
func (r *Report) String() string {
	var b strings.Builder
	_ = r.WriteText(&b, nil)
	return b.String()
}

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteText writes the report for people: findings from worst to best, then the facts, then the ports to request.
func (r *Report) WriteText(w io.Writer, theme Theme) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", theme.paint("title", "FTPS probe of "+r.Host), r.Started.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "%s\n", r.summary(theme))
	for _, f := range r.Findings {
		f.write(&b, theme)
	}
	fmt.Fprintf(&b, "\n%s\n", theme.paint("title", "Facts"))
	for _, f := range r.Facts {
		port := ""
		if f.Port != 0 {
			port = fmt.Sprint(f.Port)
		}
		label := fmt.Sprintf("  %-5s %-24s ", port, f.Name)
		b.WriteString(label + wrap(f.Value, len(label)) + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n", theme.paint("title", "Ports to request"))
	for line := range strings.Lines(r.Request.String()) {
		label, value := line[:13], strings.TrimSpace(line[13:])
		b.WriteString("  " + label + wrap(value, 15) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// summary returns how many findings of each severity there are.
func (r *Report) summary(theme Theme) string {
	var parts []string
	for _, severity := range rank {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == severity {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, theme.paint(string(severity), fmt.Sprintf("%d %s", n, severity)))
		}
	}
	return strings.Join(parts, ", ")
}

func (f *Finding) write(b *strings.Builder, theme Theme) {
	mark := theme.paint(string(f.Severity), fmt.Sprintf("%-4s", strings.ToUpper(string(f.Severity))))
	where := ""
	if f.Port != 0 {
		where = fmt.Sprintf("port %d", f.Port)
	}
	if f.Severity == OK {
		fmt.Fprintf(b, "\n%s %s %s\n     %s\n", mark, f.ID, theme.paint("dim", where), wrap(f.Means+" Seen: "+f.Seen, 5))
		return
	}
	fmt.Fprintf(b, "\n%s %s %s\n", mark, f.ID, theme.paint("dim", where))
	for _, row := range [][2]string{{"Seen", f.Seen}, {"Means", f.Means}, {"Cure", f.Cure}, {"For", string(f.For)}} {
		if row[1] != "" {
			fmt.Fprintf(b, "     %s %s\n", theme.paint("dim", fmt.Sprintf("%-5s", row[0])), wrap(row[1], 11))
		}
	}
}

// width is the longest line of a report as text, in columns.
const width = 100

// wrap breaks text between words and indents all lines but the first.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+size > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += size
	}
	return b.String()
}
