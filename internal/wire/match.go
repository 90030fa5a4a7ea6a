package wire

import (
	"strings"
	"unicode/utf8"
)

// HasGlob says that s holds a character which [Match] takes as a pattern's.
func HasGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// Match says whether name, one element of a path, matches a pattern of the kind
// LIST and NLST are given: * for any run, ? for one character, [a-z] for one of
// a set, [!a-z] or [^a-z] for one outside it. A slash is matched by itself only,
// a dot in front is nothing special and a backslash quotes nothing. A pattern
// whose bracket is never closed matches nothing.
//
// Only the last star is ever tried again, so the time is at most the product of
// both lengths (CVE-2010-2632 took exponential time).
func Match(pattern, name string) bool {
	star, again := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, again = p, n
			continue
		}
		pw, nw, ok := matchOne(pattern[p:], name[n:])
		if ok {
			p += pw
			n += nw
			continue
		}
		if star < 0 || name[again] == '/' {
			return false
		}
		_, w := utf8.DecodeRuneInString(name[again:])
		again += w
		p, n = star, again
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one character of name, which is not empty, and says how many
// bytes of both it took.
func matchOne(pattern, name string) (pw, nw int, ok bool) {
	if pattern == "" {
		return 0, 0, false
	}
	r, nw := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return 1, nw, r != '/'
	case '[':
		pw, ok = matchSet(pattern, r)
		return pw, nw, ok && r != '/'
	}
	_, pw = utf8.DecodeRuneInString(pattern)
	return pw, nw, pattern[:pw] == name[:nw]
}

// matchSet matches r against the set that starts pattern. A bracket right after
// the opening one (or its negation) is a member, as in POSIX, and so is a
// hyphen at either end.
func matchSet(pattern string, r rune) (pw int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(pattern); {
		if pattern[i] == ']' && i > first {
			return i + 1, ok != negated
		}
		low, w := utf8.DecodeRuneInString(pattern[i:])
		high := low
		i += w
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, w = utf8.DecodeRuneInString(pattern[i+1:])
			i += 1 + w
		}
		ok = ok || low <= r && r <= high
	}
	return 0, false
}
