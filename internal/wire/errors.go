package wire

import "errors"

var (
	// ErrLineTooLong says that a line was longer than its [LineReader] allows
	// and has been swallowed whole; the next line is intact (reply 500).
	ErrLineTooLong = errors.New("line too long")

	// ErrClientHello says that a line begins as a TLS handshake does (RFC 8446,
	// section 5.1: content type 22; RFC 5246, appendix E.2: the form of SSL 2). It
	// comes from a client for implicit FTPS that has reached a port for explicit
	// FTPS, and no line end would ever follow.
	ErrClientHello = errors.New("TLS begins where a command was expected")

	// ErrEmpty says that a line held no command at all (reply 500).
	ErrEmpty = errors.New("empty command")

	// ErrProtocol says that the network protocol a client asked for is neither
	// 1 (IPv4) nor 2 (IPv6). RFC 2428, section 2: reply 522 in these words, of
	// which the list in parentheses is for the client's program.
	ErrProtocol = errors.New("network protocol not supported, use (1,2)")

	// ErrParameter says that an argument is valid FTP and not implemented here.
	// RFC 959, section 4.2.2: reply 504.
	ErrParameter = errors.New("parameter not implemented")
)

// SyntaxError says that an argument could not be understood (reply 501, or 500
// when the command line itself is at fault). The text never repeats the
// argument, and may go to the client and into a log as it is.
type SyntaxError struct {
	// What is the subject of the sentence. Empty stands for the command at hand,
	// which a parser of arguments does not know; see [SyntaxError.For].
	What string
	// Want is what was expected instead, as the object of "needs".
	Want string
}

// Error returns the sentence "What needs Want".
func (e *SyntaxError) Error() string { return e.For("This command") }

// For returns the sentence with verb as its subject where What is empty, for example
// "REST needs a whole number of bytes, 0 or more".
func (e *SyntaxError) For(verb string) string {
	if e.What != "" {
		verb = e.What
	}
	return verb + " needs " + e.Want
}

// wants returns the error of a parser that does not know its verb.
func wants(want string) error { return &SyntaxError{Want: want} }
