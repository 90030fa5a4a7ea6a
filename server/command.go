package server

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// handler runs one command. It returns the reply, or an error that errorReply
// turns into one; only a transfer writes anything itself.
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
	// words: its argument is words and numbers, so blanks at the end mean nothing.
	// A name may end in blanks (RFC 3659, section 2.2).
	words bool
	names naming // the paths in its argument; nil for none
	// data: it uses the data connection that PASV or PORT prepared.
	data bool
	// uploads: it stores what the client sends on the data connection.
	uploads bool
	// alone: nothing may be read while it runs, because the connection changes
	// under the reader.
	alone bool
	// during says what happens to it while a transfer runs.
	during during
	// after is the command that has to come right before it, or 503 is the answer.
	// What that command named (session.source) is kept for this one alone.
	after string
	// family: its argument begins with a verb, and "SITE CHMOD" has a row of its own.
	family bool
	// enabled reports whether a server has it switched on; nil is always. What is
	// off is not in FEAT, and answered with off.
	enabled func(*Server) bool
	off     wire.Reply
	// allowed reports whether a server has it at all, as if Server.Disabled named it
	// otherwise; nil is always.
	allowed func(*Server) bool
	alias   string                                               // the command that it is another name of, and is switched off with
	opts    func(s *session, options string) (wire.Reply, error) // OPTS; nil for none
	feat    string                                               // line of FEAT; empty for verbs of RFC 959
	// featNow is the line of FEAT of a verb whose line tells what is in force; empty
	// leaves it out.
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
	waits     during = iota // until the transfer is over
	meanwhile               // answered meanwhile unless there is an argument
	aborts                  // it ends the transfer and is answered after it (RFC 959, section 4.1.3)
	hastens                 // it waits, and the transfer may not take for ever
)

// row returns the row of a command, nil for none, and what its handler is given
// of the argument.
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

// isMember reports whether a row belongs to that of a family, as SITE CHMOD to SITE.
func (row *command) isMember() bool { return strings.Contains(row.name, " ") }

// on reports whether what the operator has to switch on for the command is on.
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
