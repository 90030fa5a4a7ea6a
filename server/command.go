package server

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// handler runs one command. It returns the reply, or an error that errorReply turns
// into a reply; only a transfer writes anything itself.
type handler func(s *session, ctx context.Context, arg string) (wire.Reply, error)

// command is a row of the table: all that is particular to a verb. FEAT, HELP,
// the checks before a handler and what happens to a command during a transfer are
// read from its columns. Handlers check what depends on more than the verb: STAT
// needs a login for a path only, and PASV, PORT and EPRT are refused after EPSV
// ALL. OPTS UTF8 alone names something that has no row.
type command struct {
	name string  // the key of the row
	run  handler // nil: known, answered 502
	need need
	arg  argument
	// words: the argument is words and numbers, so blanks at its end mean nothing.
	// The name of a file may end in blanks (RFC 3659, section 2.2).
	words bool
	names naming // finds the paths in the argument; nil if it has none
	// data: the command uses the data connection that PASV or PORT prepared.
	data bool
	// uploads: the command stores what the client sends on the data connection.
	uploads bool
	// alone: nothing may be read while the command runs, because the connection
	// changes under the reader.
	alone bool
	// during says what happens to the command while a transfer runs.
	during during
	// after names the command that has to come right before this one; otherwise the
	// answer is 503. The path that the other command named (session.source) is kept
	// for this one alone.
	after string
	// family: the argument begins with a second verb, and the two may have a row of
	// their own, as "SITE CHMOD" has.
	family bool
	// enabled reports whether a server has the command switched on; nil means
	// always. A command that is not on is missing from FEAT, and answered with off.
	enabled func(*Server) bool
	off     wire.Reply
	// allowed reports whether a server has the command at all; nil means always. A
	// command that is not allowed is treated as one that Server.Disabled names.
	allowed func(*Server) bool
	alias   string                                               // the command that this row is another name of
	opts    func(s *session, options string) (wire.Reply, error) // OPTS; nil for none
	feat    string                                               // line of FEAT; empty for verbs of RFC 959
	// featNow returns the line of FEAT where the line depends on the session; empty
	// leaves the command out.
	featNow func(*session) string
	help    string // syntax, for HELP
}

// need is what must have happened before a command.
type need int

const (
	nothing need = iota
	secrecy      // TLS, unless the server allows clear text
	login        // a login
)

// argument says whether a command takes one.
type argument int

const (
	optional argument = iota
	required
)

// during is what happens to a command that comes while a transfer runs.
type during int

const (
	waits     during = iota // waits until the transfer is over
	meanwhile               // is answered meanwhile unless there is an argument
	aborts                  // ends the transfer and is answered after it (RFC 959, section 4.1.3)
	hastens                 // waits too, and the transfer gets less time, see transfer.hasten
)

// row returns the row of a command, nil if there is none, and the part of the
// argument that is for its handler.
func (s *session) row(cmd wire.Command) (row *command, arg string) {
	row, arg = commands[cmd.Verb], cmd.Arg
	if row != nil && row.family && !s.isOff(row.name) {
		verb, rest := wire.SplitVerb(arg)
		if member := commands[cmd.Verb+" "+verb]; member != nil {
			row, arg = member, rest
		}
	}
	if row != nil && row.words {
		arg = strings.TrimRight(arg, " ")
	}
	return row, arg
}

// admitCommand finds a command's row and checks what the row demands. When the
// command may not run, ok is false and reply says why.
func (s *session) admitCommand(cmd wire.Command) (row *command, arg string, reply wire.Reply, ok bool) {
	row, arg = s.row(cmd)
	no := func(code int, text string) (*command, string, wire.Reply, bool) {
		return row, arg, wire.Text(code, text), false
	}
	switch {
	case row == nil && !s.loggedIn && foreign[cmd.Verb]:
		s.endWith(errForeignVerbs)
		return no(421, "This is an FTP server.")
	case row == nil:
		return no(500, "Command not understood; try HELP.")
	case row.run == nil:
		return no(502, cmd.Verb+" is not implemented.")
	case s.isOff(row.name):
		return no(502, row.name+" is switched off.") // RFC 959, section 4.2.1
	case row.need == secrecy && s.ctl.cleared:
		return no(533, "No login after CCC; connect again.")
	case row.need >= secrecy && !s.secured && !s.ctl.cleared && !s.srv.InsecurePlaintext:
		return no(530, "TLS is required: send AUTH TLS first.")
	case row.need == login && !s.loggedIn:
		return no(530, "Please log in with USER and PASS.")
	case row.arg == required && arg == "":
		return no(501, "Usage: "+row.help)
	case !row.on(s.srv):
		return row, arg, row.off, false
	case row.after != "" && (s.source == "" || s.sourceOf != commands[row.after]):
		return no(503, "Send "+row.after+" first.")
	}
	return row, arg, wire.Reply{}, true
}

// isMember reports whether a row belongs to a family, as SITE CHMOD belongs to
// SITE.
func (row *command) isMember() bool { return strings.Contains(row.name, " ") }

// on reports whether the operator has switched on what the command needs.
func (row *command) on(srv *Server) bool { return row.enabled == nil || row.enabled(srv) }

// feature returns the line of FEAT for a row, empty for none.
func (row *command) feature(s *session) string {
	switch {
	case !row.on(s.srv) || s.isOff(row.name) || s.isOff(row.after):
		return ""
	case row.featNow != nil:
		return row.featNow(s)
	}
	return row.feat
}
