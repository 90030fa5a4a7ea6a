package wire

// The telnet bytes that matter on a control channel, RFC 854.
const (
	telnetSE   = 240 // the lowest command
	telnetDM   = 242 // data mark
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255 // interpret as command
)

// telnetState is where in a telnet command the input stands, kept from one
// read to the next since a command may be split anywhere.
type telnetState uint8

const (
	telnetData   telnetState = iota // no command
	telnetEscape                    // after IAC
	telnetOption                    // after IAC WILL, WONT, DO or DONT
	telnetMark                      // after a command in front of a line
)

// What to do with a byte that telnetState.next has seen.
const (
	keepNone = iota // it belonged to a command
	keepByte        // it is data
	keepBoth        // it is data, and so was the IAC before it
)

// next takes one byte further. start says that the line is still empty.
//
// Clients announce ABOR with IAC IP IAC DM and send the last byte or the last
// two as urgent data, which never arrives on a socket that does not read such
// data in line (RFC 959, section 4.1.3, step 1 of ABOR; RFC 854, "synch"). So
// the line may begin with a bare IAC or a bare DM, neither of which can start
// a verb. Inside a line an IAC that no command follows is a client that does
// not double the byte 0xFF, and stays as data: dropping it would name another
// file.
func (t *telnetState) next(c byte, start bool) int {
	was := *t
	*t = telnetData
	switch {
	case was == telnetOption:
		return keepNone
	case was == telnetEscape:
		switch {
		case c == telnetIAC:
			return keepByte
		case c >= telnetWILL && c <= telnetDONT:
			*t = telnetOption
			return keepNone
		case c >= telnetSE:
			if start {
				*t = telnetMark
			}
			return keepNone
		case start:
			return keepByte
		}
		return keepBoth
	case c == telnetIAC:
		*t = telnetEscape
		return keepNone
	case was == telnetMark && c == telnetDM:
		return keepNone
	}
	return keepByte
}
