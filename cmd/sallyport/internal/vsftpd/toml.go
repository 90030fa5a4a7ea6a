package vsftpd

import (
	"fmt"
	"slices"
	"strings"
)

// TOML returns the translation as a configuration file of Sallyport. Comments say which lines each line stems from,
// what is different, and what could not be carried over.
func (t *Translation) TOML(files []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by sallyport vsftpd --to-toml from %s.\n", strings.Join(files, " and "))
	for _, m := range t.Mistakes {
		comment(&b, "could NOT be carried over", strings.TrimPrefix(m.Error(), "500 OOPS: "))
	}
	for _, n := range t.Notes {
		comment(&b, "different", n.String())
	}
	b.WriteString("\n")
	table := ""
	for _, l := range t.inOrder() {
		if l.Table != table {
			fmt.Fprintf(&b, "\n[%s]\n", l.Table)
			table = l.Table
		}
		fmt.Fprintf(&b, "%-40s # %s\n", l.Key+" = "+written(l.Value), strings.Join(l.From, "; "))
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// Keys returns where each key of TOML was set, as dotted keys. Keys of defaults have no place.
func (t *Translation) Keys() map[string]Place {
	all := map[string]Place{}
	for _, l := range t.Lines {
		key := l.Key
		if l.Table != "" {
			key = l.Table + "." + key
		}
		if all[key] = l.Place; l.Place == (Place{}) {
			all[key] = Place{File: strings.Join(l.From, "; ")}
		}
	}
	return all
}

// inOrder returns the lines with those of each table together, those of none first.
func (t *Translation) inOrder() []Line {
	all := slices.Clone(t.Lines)
	slices.SortStableFunc(all, func(a, b Line) int { return strings.Compare(a.Table, b.Table) })
	return all
}

func comment(b *strings.Builder, what, text string) {
	fmt.Fprintf(b, "# %s: %s\n", what, strings.ReplaceAll(text, "\n", "\n#"))
}

// written returns a value as TOML has it.
func written(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		var all []string
		for _, text := range v {
			all = append(all, written(text))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return fmt.Sprint(v)
}
