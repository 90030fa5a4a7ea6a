package wire

import "strings"

// ParseType reads the argument of TYPE, RFC 959, sections 3.1.1 and 5.3.2: A
// and A N are ASCII, I and L 8 are image. What RFC 959 defines beyond that
// (EBCDIC, telnet and carriage control formats, other byte sizes) gives
// ErrParameter, all else a syntax error. "L8" is taken as vsftpd takes it.
func ParseType(arg string) (ascii bool, err error) {
	arg = upper(arg)
	switch arg {
	case "A", "A N":
		return true, nil
	case "I", "L 8", "L8":
		return false, nil
	case "A T", "A C", "E", "E N", "E T", "E C":
		return false, ErrParameter
	}
	if size, ok := strings.CutPrefix(arg, "L "); ok {
		if _, ok := digits(size, 255); ok {
			return false, ErrParameter
		}
	}
	return false, wants("A, I or L 8")
}
