package wire

import (
	"strings"
	"time"
)

const wantTime = "a time in UTC as YYYYMMDDHHMMSS"

// ParseTime reads a time-val, RFC 3659, section 2.3: fourteen digits and
// perhaps a fraction, always UTC, years 1000 to 9999. ParseTime is strict,
// since MFMT sets a wrong time as silently as a right one: no 30th of February,
// no hour 24. The leap second 60 is taken and counts as 59. Digits of a
// fraction below the nanosecond are dropped.
func ParseTime(s string) (time.Time, error) {
	whole, fraction, found := strings.Cut(s, ".")
	t, ok := stamp(whole)
	if !ok || len(whole) != 14 || found && fraction == "" {
		return time.Time{}, wants(wantTime)
	}
	var ns time.Duration
	unit := 100 * time.Millisecond
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return time.Time{}, wants(wantTime)
		}
		ns += unit * time.Duration(fraction[i]-'0')
		unit /= 10
	}
	return t.Add(ns), nil
}

// stamp reads YYYYMMDDHHMM with or without SS.
func stamp(s string) (t time.Time, ok bool) {
	if len(s) != 12 && len(s) != 14 {
		return time.Time{}, false
	}
	var v [7]int // century, year, month, day, hour, minute, second
	for i := range len(s) {
		if !isDigit(s[i]) {
			return time.Time{}, false
		}
		v[i/2] = v[i/2]*10 + int(s[i]-'0')
	}
	if v[0] < 10 || v[4] > 23 || v[5] > 59 || v[6] > 60 {
		return time.Time{}, false
	}
	t = time.Date(v[0]*100+v[1], time.Month(v[2]), v[3], v[4], v[5], min(v[6], 59), 0, time.UTC)
	// time.Date carries a day too many into the next month.
	return t, int(t.Month()) == v[2] && t.Day() == v[3]
}

// AppendTime appends t as the time-val of MDTM and of the fact "modify",
// fourteen digits in UTC without a fraction. A time outside the years 1000 to
// 9999, which RFC 3659, section 2.3 cannot express, is shown as the nearest one
// inside.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	switch {
	case year < 1000:
		return append(dst, "10000101000000"...)
	case year > 9999:
		return append(dst, "99991231235959"...)
	}
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append2(dst, int(month)), day)
	return append2(append2(append2(dst, hour), minute), second)
}

// FormatTime is [AppendTime] as a string.
func FormatTime(t time.Time) string { return string(AppendTime(make([]byte, 0, 14), t)) }

// ParseUTime reads the argument of SITE UTIME in both its forms, which no RFC
// describes:
//
//	YYYYMMDDhhmm[ss] path
//	path atime mtime ctime UTC
//
// The second is what ncftp and lftp send and ProFTPD takes, in that order of
// times and with seconds optional; the second form is tried first, because its
// end is unmistakable. In the first form access and create are zero. All times
// are UTC.
func ParseUTime(arg string) (modify, access, create time.Time, path string, err error) {
	if path, access, modify, create, ok := threeTimes(arg); ok {
		return modify, access, create, path, nil
	}
	var zero time.Time
	word, path, _ := strings.Cut(arg, " ")
	modify, ok := stamp(word)
	if !ok || path == "" {
		return zero, zero, zero, "", wants("YYYYMMDDhhmmss and a path, or a path, the times of access, change and creation, and UTC")
	}
	return modify, zero, zero, path, nil
}

func threeTimes(arg string) (path string, access, modify, create time.Time, ok bool) {
	path, zone := cutLast(arg)
	if upper(zone) != "UTC" {
		return "", access, modify, create, false
	}
	for _, t := range []*time.Time{&create, &modify, &access} {
		var word string
		path, word = cutLast(path)
		if *t, ok = stamp(word); !ok {
			return "", access, modify, create, false
		}
	}
	return path, access, modify, create, path != ""
}

// cutLast splits s at its last space.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}
