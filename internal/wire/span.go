package wire

import (
	"math"
	"strconv"
	"strings"
)

// Span is a part of a file: the bytes from Start up to but without End. A
// negative End is the end of the file. The zero value is nothing; see [Whole].
type Span struct{ Start, End int64 }

// Whole is the span of a whole file.
var Whole = Span{0, -1}

// IsWhole reports whether s is all of a file.
func (s Span) IsWhole() bool { return s == Whole }

// ParseRANG reads the argument of RANG, draft-bryan-ftp-range, section 3: the
// first and the last byte. "1 0" takes back what an earlier RANG said.
func ParseRANG(arg string) (Span, error) {
	first, last, _ := strings.Cut(arg, " ")
	from, ok1 := digits(first, math.MaxInt64)
	to, ok2 := digits(last, math.MaxInt64-1)
	switch {
	case ok1 && ok2 && from == 1 && to == 0:
		return Whole, nil
	case !ok1 || !ok2 || from > to:
		return Whole, wants("the first and the last byte, two whole numbers in order")
	}
	return Span{int64(from), int64(to) + 1}, nil
}

// Part names a part of a file.
type Part struct {
	Path string
	Span
}

// String returns the form that [ParsePart] reads in one way only.
func (p Part) String() string {
	text := QuotePath(p.Path)
	if p.Start > 0 || p.End >= 0 {
		text += " " + strconv.FormatInt(p.Start, 10)
	}
	if p.End >= 0 {
		text += " " + strconv.FormatInt(p.End, 10)
	}
	return text
}

// ParsePart reads the argument of XCRC, XMD5 and their like, which no RFC
// describes: a path, perhaps in quotes, and perhaps the first byte and the one
// behind the last. Names without quotes may hold spaces and end in numbers, so
// several readings may be possible: look for a file of each in the order of the
// result, which begins with all of arg as the path.
func ParsePart(arg string) ([]Part, error) {
	if path, rest, ok := UnquotePath(arg); ok && path != "" {
		span, ok := parseSpan(rest)
		if !ok {
			return nil, wants("a path and perhaps a start and an end, whole numbers in order")
		}
		return []Part{{path, span}}, nil
	}
	if arg == "" {
		return nil, wants("a path")
	}
	parts := []Part{{arg, Whole}}
	path, _ := cutLast(arg)
	for range 2 {
		if span, ok := parseSpan(arg[len(path):]); ok && path != "" && len(path) < len(arg) {
			parts = append(parts, Part{path, span})
		}
		path, _ = cutLast(path)
	}
	return parts, nil
}

// parseSpan reads " start", " start end" or nothing.
func parseSpan(s string) (Span, bool) {
	if s == "" {
		return Whole, true
	}
	if s[0] != ' ' {
		return Whole, false
	}
	first, last, both := strings.Cut(s[1:], " ")
	from, ok := digits(first, math.MaxInt64)
	if !ok || !both {
		return Span{int64(from), -1}, ok
	}
	to, ok := digits(last, math.MaxInt64)
	return Span{int64(from), int64(to)}, ok && from <= to
}

// ParseNames reads the argument of COMB: paths with a space between. A path
// with spaces is in quotes, and quotes inside the path are doubled.
func ParseNames(arg string) ([]string, error) {
	var names []string
	for arg != "" {
		name, rest, ok := UnquotePath(arg)
		if !ok {
			name, rest = arg, ""
			if i := strings.IndexByte(arg, ' '); i >= 0 {
				name, rest = arg[:i], arg[i:]
			}
		}
		if name == "" || rest != "" && rest[0] != ' ' || rest == " " || arg[0] == '"' && !ok {
			return nil, wants("paths with one space between, those with spaces in quotes")
		}
		names = append(names, name)
		arg = strings.TrimPrefix(rest, " ")
	}
	if len(names) == 0 {
		return nil, wants("paths with one space between, those with spaces in quotes")
	}
	return names, nil
}
