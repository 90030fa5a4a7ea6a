package wire

import "strings"

// maxVerb is the longest verb taken. RFC 959, section 5.3 says four letters at
// most; XSHA512 and the like are longer.
const maxVerb = 16

// Command is one command of the control channel, RFC 959, section 5.3.
type Command struct {
	// Verb is the command's name in upper case.
	Verb string
	// Arg is all that follows the one space behind the verb, untouched: names
	// may begin and end with spaces.
	Arg string
	// HasArg says that the space was there, though Arg may be empty. RFC 959
	// tells "CWD" from "CWD " nowhere, but LIST and PASS do.
	HasArg bool
}

// ParseCommand takes a line apart as [LineReader.ReadLine] returned it. It
// refuses a line as a whole when it is empty (ErrEmpty), holds NUL, CR or LF,
// or starts with anything but a verb of letters and digits. RFC 2640, section
// 3.1 lets every other byte appear in an argument.
func ParseCommand(line []byte) (Command, error) {
	if len(line) == 0 {
		return Command{}, ErrEmpty
	}
	verb := 0
	for verb < len(line) && isAlnum(line[verb]) {
		verb++
	}
	if verb == 0 || verb > maxVerb || verb < len(line) && line[verb] != ' ' {
		return Command{}, &SyntaxError{"A command line", "a verb of letters and digits, then a space before any argument"}
	}
	for _, c := range line[verb:] {
		if c == 0 || c == '\r' || c == '\n' {
			return Command{}, &SyntaxError{"A command line", "an argument without NUL, CR and LF"}
		}
	}
	s := string(line)
	cmd := Command{Verb: upper(s[:verb])}
	if verb < len(s) {
		cmd.Arg, cmd.HasArg = s[verb+1:], true
	}
	return cmd, nil
}

// String returns the line that parses to c. It may hold a password: logs want
// [Command.Redacted].
func (c Command) String() string {
	if !c.HasArg {
		return c.Verb
	}
	return c.Verb + " " + c.Arg
}

// Redacted returns c for a log: secrets are replaced by stars of a fixed number and
// what could forge a log line is escaped as by [Printable].
func (c Command) Redacted() string {
	// RFC 959, section 4.1.1: ACCT may carry a password of its own.
	if c.HasArg && (c.Verb == "PASS" || c.Verb == "ACCT") {
		return c.Verb + " ****"
	}
	return Printable(c.String())
}

// SplitVerb splits an argument that has a verb of its own, such as that of SITE or
// OPTS: the first word in upper case, and the rest behind one space, untouched.
func SplitVerb(s string) (verb, rest string) {
	verb, rest, _ = strings.Cut(s, " ")
	return upper(verb), rest
}

// ListArg splits the argument of LIST, NLST or STAT into options as of ls and a
// path, for clients that write "LIST -al dir". RFC 959 knows no options, so
// only groups of letters and digits behind one dash count as such, "--" ends
// them, and "-" alone is a path. The path is untouched.
func ListArg(arg string) (flags, path string) {
	for len(arg) > 1 && arg[0] == '-' {
		word, rest, _ := strings.Cut(arg[1:], " ")
		if word == "-" {
			return flags, rest
		}
		if word == "" || !allAlnum(word) {
			break
		}
		flags += word
		arg = rest
	}
	return flags, arg
}

// upper is strings.ToUpper for ASCII only: other bytes of a hostile name must
// not change with it.
func upper(s string) string {
	for i := 0; i < len(s); i++ {
		if 'a' <= s[i] && s[i] <= 'z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'a' <= b[i] && b[i] <= 'z' {
					b[i] -= 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func allAlnum(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return true
}
