package wire

import (
	"io/fs"
	"math"
	"strings"
)

// digits reads a number of digits only, at most limit. Leading zeros are fine.
func digits(s string, limit uint64) (n uint64, ok bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		d := uint64(s[i] - '0')
		if n > limit/10 || n*10 > limit-d {
			return 0, false
		}
		n = n*10 + d
	}
	return n, s != ""
}

// ParseSize reads the number of bytes of REST, RANG and the like: digits only,
// 0 to 2^63-1. RFC 3659, section 5.3. Signs and blanks are refused rather than
// guessed at.
func ParseSize(arg string) (int64, error) {
	n, ok := digits(arg, math.MaxInt64)
	if !ok {
		return 0, wants("a whole number of bytes, 0 or more")
	}
	return int64(n), nil
}

// ParseALLO reads the argument of ALLO, a number of bytes and perhaps the
// largest record, "n R m". RFC 959, section 4.1.3. Records are long gone, so m
// is checked and dropped.
func ParseALLO(arg string) (size int64, err error) {
	number, record, found := strings.Cut(arg, " ")
	if found {
		r, m, _ := strings.Cut(record, " ")
		if _, ok := digits(m, math.MaxInt64); !ok || upper(r) != "R" {
			return 0, wants(`a whole number of bytes, and perhaps "R" and a record size`)
		}
	}
	return ParseSize(number)
}

// ParseMode reads the octal mode of SITE CHMOD and of the fact UNIX.mode, 0 to
// 0777. Setuid, setgid and sticky bits are refused: silently dropping them
// would answer 200 to what was not done, and setting them from afar is a risk
// nobody asked for.
func ParseMode(arg string) (fs.FileMode, error) {
	var mode fs.FileMode
	for i := range len(arg) {
		if arg[i] < '0' || arg[i] > '7' || i > 4 {
			mode = fs.ModePerm + 1
			break
		}
		mode = mode<<3 | fs.FileMode(arg[i]-'0')
	}
	if arg == "" || mode > fs.ModePerm {
		return 0, wants("an octal mode from 000 to 777")
	}
	return mode, nil
}
