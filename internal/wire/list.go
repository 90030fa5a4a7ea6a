package wire

import (
	"io/fs"
	"strconv"
	"time"
)

// Entry is one file, directory or link of a listing. Its Name is printed as it
// is; what the client must not see, or can't name ([Nameable]), is for the caller
// to leave out.
type Entry struct {
	// Name is the last element of the path.
	Name string
	// Size is in bytes; below 0 counts as 0.
	Size int64
	// Mode has the type and permission bits as package fs defines them.
	Mode fs.FileMode
	// ModTime is the time of the last change; zero if unknown.
	ModTime time.Time
	// Links is the number of hard links; 0 prints as 1.
	Links uint64
	// Owner and Group are names or numbers; empty prints as "ftp" in a LIST and
	// leaves the fact out of an MLSx line.
	Owner, Group string
	// Target is what a symbolic link holds; empty if it is not to be shown.
	Target string
	// ID is the fact "unique" of RFC 3659, section 7.5.2, the same for two names
	// of one file; empty if unknown.
	ID string
	// Denied are letters of the fact "perm" that are known to be refused, whatever
	// Mode says; they are left out.
	Denied []byte
}

// recent is how long ago a file may have changed for LIST to print the hour
// instead of the year. GNU ls takes half a year.
const recent = 180 * 24 * time.Hour

// AppendLIST appends e as one line of "ls -l" with CRLF. RFC 959 leaves the form
// open; this is the one every client reads:
//
//	-rw-r--r--   1 ftp      ftp          1048576 Jan  2 15:04 name
//
// Times are in the location of e.ModTime, which should be UTC, since the line
// names none. The hour is shown from 180 days before now to one day after, else
// the year. Names are bytes and stand as they are, but for CR, LF and NUL, which
// become '?'. In owner and group all control runes and invalid UTF-8 become '?',
// and blanks '_', so that they add neither a line nor a column.
func AppendLIST(dst []byte, e *Entry, now time.Time) []byte {
	dst = appendMode(dst, e.Mode)
	dst = appendNumber(dst, max(e.Links, 1), 4)
	dst = appendColumn(dst, e.Owner, 8)
	dst = appendColumn(dst, e.Group, 8)
	dst = appendNumber(dst, uint64(max(e.Size, 0)), 12)
	dst = append(dst, ' ')
	dst = appendDate(dst, e.ModTime, now)
	dst = append(dst, ' ')
	dst = appendName(dst, e.Name)
	if e.Target != "" && e.Mode&fs.ModeSymlink != 0 {
		dst = append(dst, " -> "...)
		dst = appendName(dst, e.Target)
	}
	return append(dst, '\r', '\n')
}

// AppendNLST appends one line of NLST, the bare name behind dir with CRLF. RFC
// 959, section 4.1.3. What would break the line is shown as '?', as in
// [AppendLIST]. A dir that is not empty ends in a slash.
func AppendNLST(dst []byte, dir, name string) []byte {
	if dir != "" {
		dst = appendName(dst, dir)
	}
	return append(appendName(dst, name), "\r\n"...)
}

// appendMode appends the ten characters of ls. fs.FileMode's own String shows
// setuid, setgid and sticky as characters of their own, which breaks columns.
func appendMode(dst []byte, mode fs.FileMode) []byte {
	kind := byte('-')
	switch {
	case mode&fs.ModeDir != 0:
		kind = 'd'
	case mode&fs.ModeSymlink != 0:
		kind = 'l'
	case mode&fs.ModeNamedPipe != 0:
		kind = 'p'
	case mode&fs.ModeSocket != 0:
		kind = 's'
	case mode&fs.ModeCharDevice != 0:
		kind = 'c'
	case mode&fs.ModeDevice != 0:
		kind = 'b'
	}
	text := [10]byte{kind}
	for i, c := range []byte("rwxrwxrwx") {
		if mode&(1<<(8-i)) == 0 {
			c = '-'
		}
		text[1+i] = c
	}
	fold := func(bit fs.FileMode, at int, set, bare byte) {
		if mode&bit == 0 {
			return
		}
		if text[at] == '-' {
			set = bare
		}
		text[at] = set
	}
	fold(fs.ModeSetuid, 3, 's', 'S')
	fold(fs.ModeSetgid, 6, 's', 'S')
	fold(fs.ModeSticky, 9, 't', 'T')
	return append(dst, text[:]...)
}

// appendNumber appends a blank and n, flush right in a column of that width.
func appendNumber(dst []byte, n uint64, width int) []byte {
	var buf [20]byte
	text := strconv.AppendUint(buf[:0], n, 10)
	dst = append(dst, ' ')
	for pad := width - len(text); pad > 0; pad-- {
		dst = append(dst, ' ')
	}
	return append(dst, text...)
}

// appendColumn appends a blank and an owner or group, flush left.
func appendColumn(dst []byte, name string, width int) []byte {
	if name == "" {
		name = "ftp"
	}
	dst = append(dst, ' ')
	start := len(dst)
	if plain(name) {
		dst = append(dst, name...)
	} else {
		dst = appendClean(dst, name)
	}
	for i, c := range dst[start:] {
		if c == ' ' {
			dst[start+i] = '_'
		}
	}
	for len(dst)-start < width {
		dst = append(dst, ' ')
	}
	return dst
}

// appendDate appends the twelve characters of the time. An unknown one is shown
// as the start of 1970, since clients read neither blanks nor the year 1.
func appendDate(dst []byte, t, now time.Time) []byte {
	if t.IsZero() {
		return append(dst, "Jan  1  1970"...)
	}
	year, month, day := t.Date()
	dst = append(dst, month.String()[:3]...)
	dst = append(dst, ' ', blank(day/10), byte('0'+day%10), ' ')
	if age := now.Sub(t); -24*time.Hour <= age && age <= recent {
		hour, minute, _ := t.Clock()
		return append2(append(append2(dst, hour), ':'), minute)
	}
	year = min(max(year, 0), 9999)
	return append2(append2(append(dst, ' '), year/100), year%100)
}

// blank returns the digit of the tens, or a blank for none.
func blank(tens int) byte {
	if tens == 0 {
		return ' '
	}
	return byte('0' + tens)
}

// append2 appends n, 0 to 99, in two digits.
func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
