// Package wire turns the bytes of the FTP control channel and of directory
// listings into values, and values into bytes. It holds no socket, no clock
// and no log, so all of it can be tested by tables and by fuzzing:
//
//	lines := wire.NewLineReader(conn, wire.DefaultMaxLine)
//	line, err := lines.ReadLine()
//	cmd, err := wire.ParseCommand(line)
//	conn.Write(wire.Text(200, "NOOP is fine").Append(nil))
//
// # Guarantees
//
// What parses prints back the same, up to spelling that carries no meaning
// (case of a verb, zeros in front of a number). No reply and no listing line
// can be split by what a name or an error text holds: CR, LF and other control
// bytes never leave this package inside one. Parsers take hostile input, keep
// memory bounded by the limit they were given and never panic.
//
// # Errors
//
// A parser returns a [*SyntaxError], whose text may be sent to the client, or
// one of [ErrProtocol], [ErrParameter], [ErrLineTooLong] and [ErrEmpty], to be
// tested with errors.Is.
//
// Values of this package's types are not safe for concurrent use unless their
// doc says so; plain functions are.
package wire
