package vsftpd

import (
	"slices"
	"strings"
)

// hidden translates which names the users of a table neither see nor use.
func (t *Translation) hidden(table string) {
	var all, options []string
	for _, option := range []string{"deny_file", "hide_file"} {
		glob := t.Text(option)
		if glob == "" {
			continue
		}
		if strings.Contains(glob, "/") {
			t.refuse(option, "patterns are of names, not of paths; take the part behind the last /")
			continue
		}
		options = append(options, option)
		for _, pattern := range expand(glob) {
			if pattern != "" && !slices.Contains(all, pattern) {
				all = append(all, pattern)
			}
		}
		if table == localTable || !t.Yes("local_enable") { // once
			t.tell(option, "%s", known(option).Why)
		}
	}
	if len(all) > 0 {
		t.put(table, "hidden", all, options...)
	}
}

// transferable translates which names the users of a table can fetch and store.
func (t *Translation) transferable(table string) {
	for _, o := range []struct{ key, option string }{{"fetchable", "download_file"}, {"storable", "upload_file"}} {
		glob := t.Text(o.option)
		switch {
		case strings.Contains(glob, "/"):
			t.refuse(o.option, "patterns are of names, not of paths; take the part behind the last /")
		case glob != "":
			t.put(table, o.key, expand(glob), o.option)
		}
	}
}

// maxPatterns bounds how many patterns braces make of one.
const maxPatterns = 1000

// expand returns the patterns of path.Match that together match what a glob of vsftpd does: * any text, ? any letter,
// and {a,b} either.
func expand(glob string) []string {
	open := strings.LastIndexByte(glob, '{')
	if open < 0 {
		return []string{strings.NewReplacer(`\`, `\\`, "[", `\[`).Replace(glob)}
	}
	inside, after, closed := strings.Cut(glob[open+1:], "}")
	if !closed {
		inside, after = glob[open+1:], ""
	}
	var all []string
	for choice := range strings.SplitSeq(inside, ",") {
		if all = append(all, expand(glob[:open]+choice+after)...); len(all) > maxPatterns {
			break
		}
	}
	return all
}
