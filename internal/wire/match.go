package wire

import (
	"strings"
	"unicode/utf8"
)

// HasGlob reports whether s holds a character to which a [Pattern] gives a
// meaning.
func HasGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// MaxPattern bounds the bytes of a [Pattern], as file systems bound those of the
// names that it is for.
const MaxPattern = 255

// Pattern is a pattern for names, each one element of a path, of the kind that
// LIST and NLST are given: * for any run, ? for one character, [a-z] for one of a
// set, [!a-z] or [^a-z] for one outside it. A slash is matched by itself only, a
// dot in front is nothing special and a backslash quotes nothing. A pattern whose
// bracket is never closed matches nothing.
//
// All ways to match are followed at once, so that the time for a name is in
// proportion to its length, whatever the pattern (CVE-2010-2632 took exponential
// time). A Pattern is not safe for concurrent use.
type Pattern struct {
	elements []element
	loops    positions // bit i: a star stands before element i
	ascii    [utf8.RuneSelf]positions
	others   map[rune]positions
	never    bool
}

// element is what matches one character.
type element struct {
	any     bool
	literal rune // the character, as decode returns it; unless isSet
	set     [][2]rune
	negated bool
	isSet   bool
}

// positions is a set of positions in a pattern, with a bit for each.
type positions [MaxPattern/64 + 1]uint64

func (p *positions) add(i int)      { p[i/64] |= 1 << (i % 64) }
func (p *positions) has(i int) bool { return p[i/64]>>(i%64)&1 != 0 }

// ParsePattern compiles a pattern. A pattern longer than MaxPattern gives a
// *SyntaxError.
func ParsePattern(s string) (*Pattern, error) {
	if len(s) > MaxPattern {
		return nil, &SyntaxError{What: "The pattern", Want: "at most 255 bytes"}
	}
	p := &Pattern{others: make(map[rune]positions)}
	for s != "" {
		var e element
		switch s[0] {
		case '*':
			p.loops.add(len(p.elements))
			s = s[1:]
			continue
		case '?':
			e.any = true
			s = s[1:]
		case '[':
			var ok bool
			if e, s, ok = parseSet(s); !ok {
				p.never = true
				return p, nil
			}
		default:
			var w int
			e.literal, w = decode(s)
			s = s[w:]
		}
		p.elements = append(p.elements, e)
	}
	for c := range p.ascii {
		p.ascii[c] = p.matching(rune(c))
	}
	return p, nil
}

// parseSet parses the set that s begins with. A bracket right after the opening
// one (or its negation) is a member, as in POSIX, and so is a hyphen at either
// end.
func parseSet(s string) (e element, rest string, ok bool) {
	e.isSet = true
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		e.negated = true
		i++
	}
	for first := i; i < len(s); {
		if s[i] == ']' && i > first {
			return e, s[i+1:], true
		}
		low, w := decode(s[i:])
		high := low
		i += w
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			high, w = decode(s[i+1:])
			i += 1 + w
		}
		e.set = append(e.set, [2]rune{low, high})
	}
	return e, "", false
}

// decode returns the first character of s. A byte that is not UTF-8 counts as a
// character of its own; such characters come after all runes, in the order of
// their bytes.
func decode(s string) (r rune, width int) {
	r, width = utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && width == 1 {
		r = utf8.MaxRune + 1 + rune(s[0])
	}
	return r, width
}

// maxOthers bounds what a Pattern remembers of characters beyond ASCII.
const maxOthers = 1024

// at returns the positions whose element matches a character.
func (p *Pattern) at(c rune) positions {
	if c < utf8.RuneSelf {
		return p.ascii[c]
	}
	set, ok := p.others[c]
	if ok {
		return set
	}
	if len(p.others) >= maxOthers {
		clear(p.others)
	}
	set = p.matching(c)
	p.others[c] = set
	return set
}

func (p *Pattern) matching(c rune) (set positions) {
	for i := range p.elements {
		if p.elements[i].matches(c) {
			set.add(i)
		}
	}
	return set
}

func (e *element) matches(c rune) bool {
	switch {
	case e.any:
		return c != '/'
	case !e.isSet:
		return c == e.literal
	case c == '/':
		return false
	}
	for _, r := range e.set {
		if r[0] <= c && c <= r[1] {
			return !e.negated
		}
	}
	return e.negated
}

// Match reports whether all of name matches.
func (p *Pattern) Match(name string) bool {
	if p.never {
		return false
	}
	var here positions // how many elements may have matched so far
	here.add(0)
	words := len(p.elements)/64 + 1
	for name != "" {
		c, w := decode(name)
		name = name[w:]
		match := p.at(c)
		carry, some := uint64(0), uint64(0)
		for i := range words {
			next := here[i] & match[i]
			stay := here[i] & p.loops[i]
			if c == '/' {
				stay = 0
			}
			here[i] = next<<1 | carry | stay
			carry = next >> 63
			some |= here[i]
		}
		if some == 0 {
			return false
		}
	}
	return here.has(len(p.elements))
}
