package sidebyside

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Difference is what the daemons have answered differently. Empty is nothing.
type Difference struct{ Command, Theirs, Ours string }

func (d Difference) String() string {
	return fmt.Sprintf("%s\n  vsftpd:    %s\n  sallyport: %s", d.Command, d.Theirs, d.Ours)
}

// compare returns how two sessions differ, up to where they go different ways: what follows a login that only one has
// let in, or the end of one, says nothing.
func compare(theirs, ours []Step) (all []Difference) {
	for i := range min(len(theirs), len(ours)) {
		a, b := theirs[i], ours[i]
		if a.verb() != b.verb() { // one has refused the PASV before
			break
		}
		all = append(all, a.differences(b)...)
		if a.decides(b) {
			break
		}
	}
	return all
}

// verb returns the first word of the line.
func (a Step) verb() string {
	verb, _, _ := strings.Cut(a.Line, " ")
	return verb
}

// decides reports whether two sessions go different ways from a step on.
func (a Step) decides(b Step) bool {
	return slices.Contains([]string{"(connect)", "USER", "PASS"}, a.verb()) && a.kind() != b.kind()
}

// kind returns the first digit of the first reply.
func (a Step) kind() string {
	if len(a.Replies) == 0 {
		return ""
	}
	return a.Replies[0][:1]
}

// differences returns how two steps differ.
func (a Step) differences(b Step) (all []Difference) {
	for i := range max(len(a.Replies), len(b.Replies)) {
		var x, y string
		var in, on []string
		if i < len(a.Replies) {
			x, in = heeded(a.Line, a.Replies[i]), inner(a.Line, a.Replies[i])
		}
		if i < len(b.Replies) {
			y, on = heeded(b.Line, b.Replies[i]), inner(b.Line, b.Replies[i])
		}
		if x != y {
			all = append(all, Difference{a.Line, x, y})
		}
		all = append(all, lines(a.Line, in, on)...)
	}
	if a.verb() == "RETR" {
		if a.Data != b.Data {
			all = append(all, Difference{a.Line, content(a.Data), content(b.Data)})
		}
		return all
	}
	return append(all, lines(a.Line, split(a.Data), split(b.Data))...)
}

// content returns what a file holds, with its line ends.
func content(data string) string {
	if data == "" {
		return ""
	}
	return fmt.Sprintf("%q", data)
}

// lines returns how listings differ: in the names that they have, in what they say of each, and in their order.
func lines(command string, theirs, ours []string) (all []Difference) {
	said := map[string]string{}
	var a, b []string
	for _, line := range ours {
		b = append(b, nameOf(line))
		said[nameOf(line)] = line
	}
	for _, line := range theirs {
		name := nameOf(line)
		other, ok := said[name]
		if !ok {
			all = append(all, Difference{command, name, ""})
			continue
		}
		a = append(a, name)
		all = append(all, parts(command, line, other)...)
	}
	b = slices.DeleteFunc(b, func(name string) bool {
		missing := !slices.Contains(a, name)
		if missing {
			all = append(all, Difference{command, "", name})
		}
		return missing
	})
	if !slices.Equal(a, b) {
		all = append(all, Difference{"(order of listings)", "by name", "another"})
	}
	return all
}

// parts returns how two lines about the same name differ.
func parts(command, theirs, ours string) (all []Difference) {
	a, b := parse(theirs), parse(ours)
	if a == nil || b == nil {
		if theirs != ours {
			all = append(all, Difference{command, theirs, ours})
		}
		return all
	}
	for i := 1; i < len(a); i++ {
		if a[i] != b[i] {
			all = append(all, Difference{columns[i], a[i], b[i]})
		}
	}
	return all
}

// row is a row of the table in docs/vsftpd.md: a difference that is known, and its reason.
type row struct {
	commands, theirs, ours []*regexp.Regexp // none matches nothing said
	text                   string
	used                   bool
}

const document = "../../../../../docs/vsftpd.md"

// known reads the differences that the document tells.
func known() (rows []*row, err error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	_, table, _ := strings.Cut(string(text), "\n| Command | vsftpd | Sallyport | Why |\n|---|---|---|---|\n")
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if len(cells) != 4 || strings.TrimSpace(cells[3]) == "" {
			return nil, fmt.Errorf("not a row with a reason: %s", line)
		}
		rows = append(rows, &row{commands: patterns(cells[0]), theirs: patterns(cells[1]), ours: patterns(cells[2]), text: strings.TrimSpace(line)})
	}
	return rows, nil
}

// patterns returns the patterns of a cell, in which * stands for anything.
func patterns(cell string) (all []*regexp.Regexp) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, regexp.MustCompile("^"+strings.ReplaceAll(regexp.QuoteMeta(m[1]), `\*`, ".*")+"$"))
	}
	return all
}

// tells reports whether a row is about a difference.
func (r *row) tells(d Difference) bool {
	return matches(r.commands, d.Command) && matches(r.theirs, d.Theirs) && matches(r.ours, d.Ours)
}

func matches(patterns []*regexp.Regexp, text string) bool {
	for _, p := range patterns {
		if p.MatchString(text) {
			return true
		}
	}
	return len(patterns) == 0 && text == ""
}

// told reports whether a row tells a difference, and notes which do.
func told(rows []*row, d Difference) (ok bool) {
	for _, r := range rows {
		if r.tells(d) {
			r.used, ok = true, true
		}
	}
	return ok
}
