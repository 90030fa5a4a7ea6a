package vsftpd

import (
	"fmt"
	"strings"
	"unicode"
)

// Parse reads the text of a file over what c holds: a later setting replaces an earlier one. Everything that is wrong
// is added to c.Mistakes.
//
// vsftpd is stricter with blanks, line ends and comments behind values than anybody means it. There Parse understands
// what was meant and adds a note.
func (c *Config) Parse(file, text string) {
	if rest, ok := strings.CutPrefix(text, "\ufeff"); ok {
		text = rest
		c.note(Place{file, 1}, "the file begins with a byte order mark, which vsftpd takes for a part of the first option")
	}
	for i, line := range strings.Split(text, "\n") {
		c.line(line, Place{file, i + 1})
	}
}

// line reads a line of a file.
func (c *Config) line(line string, at Place) {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || strings.HasPrefix(line, "#") {
		return
	}
	if trimmed[0] == '#' {
		c.note(at, "the comment is indented, which vsftpd takes for an option")
		return
	}
	c.setting(strings.TrimLeftFunc(line, unicode.IsSpace), at)
}

// setting reads option=value.
func (c *Config) setting(text string, at Place) {
	name, value, _ := strings.Cut(text, "=")
	if trimmed := strings.TrimRightFunc(name, unicode.IsSpace); trimmed != name && find(trimmed) != nil {
		c.note(at, "there are blanks before =, which vsftpd takes for a part of the option")
		name = trimmed
	}
	o := find(name)
	if o == nil {
		cure := "no vsftpd has this option; remove the line"
		if like := nearest(name); like != "" {
			cure = "did you mean " + like + "?"
		}
		oops := "unrecognised variable in config file: "
		if value == "" {
			oops = "missing value in config file for: " // vsftpd looks no further
		}
		c.mistake(oops+name, at, "%q: %s", name, cure)
		return
	}
	value = c.tidy(o, value, at)
	switch {
	case o.Kind == Bool || o.Kind == Number:
		if !c.valid(o, value, at) {
			return
		}
	case strings.ContainsFunc(value, unicode.IsControl):
		c.mistake("bad value in config file for: "+name, at, "the value %q has control characters; remove them", value)
		return
	}
	if c.set == nil {
		c.set = map[string]setting{}
	}
	c.set[name] = setting{value, at}
}

// valid reports whether a value is a boolean or a number as its option needs one. If not valid adds the mistake.
func (c *Config) valid(o *Option, value string, at Place) bool {
	if value == "" {
		c.mistake("missing value in config file for: "+o.Name, at, "give it a value, such as %s=%s, or remove the line", o.Name, o.Default)
		return false
	}
	if o.Kind == Bool {
		_, ok := parseBool(value)
		if !ok {
			c.mistake("bad bool value in config file for: "+o.Name, at, "the value is %q; want YES or NO", value)
		}
		return ok
	}
	_, ok := parseNumber(value)
	if !ok {
		c.mistake("bad number in config file for: "+o.Name, at, "the value is %q, of which vsftpd takes the digits at the beginning; want a number such as %s, where a leading 0 means octal", value, o.Default)
	}
	return ok
}

// tidy returns a value without what vsftpd would take for a part of it although nobody means that, and notes it.
func (c *Config) tidy(o *Option, value string, at Place) string {
	if o.Kind != Text {
		for i, r := range value {
			if r == '#' && i > 0 && unicode.IsSpace(rune(value[i-1])) {
				c.note(at, "the comment behind the value is left out, which vsftpd takes for a part of it: %q", value[i:])
				value = value[:i]
				break
			}
		}
	}
	trimmed := strings.TrimSpace(value)
	if trimmed != value {
		c.note(at, "blanks or line ends around the value are left out, which vsftpd takes for a part of it: %q", value)
	}
	return trimmed
}

func (c *Config) note(at Place, format string, args ...any) {
	c.Notes = append(c.Notes, Note{at, fmt.Sprintf(format, args...)})
}

func (c *Config) mistake(oops string, at Place, format string, args ...any) {
	c.Mistakes = append(c.Mistakes, &Mistake{oops, at, fmt.Sprintf(format, args...)})
}
