package wire

import "strings"

// ParseModeZ reads what follows "OPTS MODE Z", draft-preston-ftpext-deflate,
// section 4: pairs of a name and a value. The level is 1 to 9, or 0 when none is
// named; ENGINE ZLIB and METHOD 8 are the only ones there are.
func ParseModeZ(options string) (level int, err error) {
	for options != "" {
		name, rest, _ := strings.Cut(options, " ")
		value, next, more := strings.Cut(rest, " ")
		n, ok := digits(value, 9)
		switch upper(name) {
		case "LEVEL":
			ok = ok && n > 0
			level = int(n)
		case "ENGINE":
			ok = upper(value) == "ZLIB"
		case "METHOD":
			ok = ok && n == 8
		default:
			ok = false
		}
		if !ok || more && next == "" {
			return 0, &SyntaxError{"MODE Z", "LEVEL and a number from 1 to 9"}
		}
		options = next
	}
	return level, nil
}
