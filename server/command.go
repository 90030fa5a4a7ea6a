package server

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// handler runs one command. It returns the reply, or an error that errorReply
// turns into one; only a transfer writes anything itself.
type handler func(s *session, ctx context.Context, arg string) (wire.Reply, error)

// command is a row of the table: what a verb does and what it needs. The
// session's loop checks the columns, so no handler opens with a gate.
type command struct {
	run  handler // nil: known, answered 502
	need need
	arg  argument
	// words: its argument is words and numbers, so blanks at the end mean nothing.
	// A name may end in blanks (RFC 3659, section 2.2).
	words bool
	// data: it uses the data connection that PASV or PORT prepared.
	data bool
	// alone: nothing may be read while it runs, because the connection changes
	// under the reader.
	alone bool
	// during: it is heard while a transfer runs.
	during bool
	feat   string // line of FEAT, empty for verbs of RFC 959
	help   string // syntax, for HELP
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

// commands is the one table of verbs. It is filled by init because HELP and
// FEAT read it back, and never changes afterwards.
var commands map[string]*command

// verbs are the keys of commands in alphabetical order.
var verbs []string

func init() {
	commands = map[string]*command{
		// Access control, RFC 959 section 4.1.1, and RFC 7151.
		"USER": {run: (*session).cmdUser, need: secrecy, arg: required, help: "USER <name>"},
		"PASS": {run: (*session).cmdPass, need: secrecy, help: "PASS <password>"},
		"ACCT": {run: (*session).cmdAcct, need: secrecy, arg: required, help: "ACCT <account>"},
		"HOST": {run: (*session).cmdHost, arg: required, feat: "HOST", help: "HOST <name>"},
		"CWD":  {run: (*session).cmdCwd, need: login, help: "CWD [<directory>]"},
		"XCWD": {run: (*session).cmdCwd, need: login, help: "XCWD [<directory>]"},
		"CDUP": {run: (*session).cmdCdup, need: login, help: "CDUP"},
		"XCUP": {run: (*session).cmdCdup, need: login, help: "XCUP"},
		"REIN": {run: (*session).cmdRein, help: "REIN"},
		"QUIT": {run: (*session).cmdQuit, help: "QUIT"},
		"SMNT": {help: "SMNT <path>"},

		// Security, RFC 2228 and RFC 4217.
		"AUTH": {run: (*session).cmdAuth, arg: required, words: true, alone: true, feat: "AUTH TLS", help: "AUTH TLS"},
		"PBSZ": {run: (*session).cmdPbsz, arg: required, words: true, feat: "PBSZ", help: "PBSZ 0"},
		"PROT": {run: (*session).cmdProt, arg: required, words: true, feat: "PROT", help: "PROT P|C"},
		"CCC":  {run: (*session).cmdCcc, need: login, alone: true, feat: "CCC", help: "CCC"},
		"ADAT": {help: "ADAT <data>"},
		"CONF": {help: "CONF <data>"},
		"ENC":  {help: "ENC <data>"},
		"MIC":  {help: "MIC <data>"},

		// Transfer parameters, RFC 959 section 4.1.2, and RFC 2428.
		"PASV": {run: (*session).cmdPasv, need: login, feat: "PASV", help: "PASV"},
		"EPSV": {run: (*session).cmdEpsv, need: login, words: true, feat: "EPSV", help: "EPSV [1|2|ALL]"},
		"PORT": {run: (*session).cmdPort, need: login, arg: required, words: true, help: "PORT h1,h2,h3,h4,p1,p2"},
		"EPRT": {run: (*session).cmdEprt, need: login, arg: required, words: true, feat: "EPRT", help: "EPRT |1|<address>|<port>|"},
		"TYPE": {run: (*session).cmdType, need: login, arg: required, words: true, help: "TYPE A|I|L 8"},
		"STRU": {run: (*session).cmdStru, need: login, arg: required, words: true, help: "STRU F"},
		"MODE": {run: (*session).cmdMode, need: login, arg: required, words: true, feat: "MODE Z", help: "MODE S|Z"},
		"LPRT": {help: "LPRT <address>"},
		"LPSV": {help: "LPSV"},

		// Service, RFC 959 section 4.1.3, and RFC 3659.
		"RETR": {run: (*session).cmdRetr, need: login, data: true, arg: required, help: "RETR <file>"},
		"STOR": {run: (*session).cmdStor, need: login, data: true, arg: required, help: "STOR <file>"},
		"APPE": {run: (*session).cmdAppe, need: login, data: true, arg: required, help: "APPE <file>"},
		"STOU": {run: (*session).cmdStou, need: login, data: true, help: "STOU [<file>]"},
		"ALLO": {run: (*session).cmdAllo, need: login, arg: required, help: "ALLO <bytes>"},
		"REST": {run: (*session).cmdRest, need: login, arg: required, feat: "REST STREAM", help: "REST <bytes>"},
		"RANG": {run: (*session).cmdRang, need: login, arg: required, feat: "RANG STREAM", help: "RANG <first> <last>"},
		"ABOR": {run: (*session).cmdAbor, need: login, during: true, help: "ABOR"},
		"LIST": {run: (*session).cmdList, need: login, data: true, help: "LIST [<path>]"},
		"NLST": {run: (*session).cmdNlst, need: login, data: true, help: "NLST [<path>]"},
		"MLSD": {run: (*session).cmdMlsd, need: login, data: true, help: "MLSD [<directory>]"},
		"MLST": {run: (*session).cmdMlst, need: login, feat: "MLST", help: "MLST [<path>]"},
		"STAT": {run: (*session).cmdStat, during: true, help: "STAT [<path>]"},

		// Files.
		"PWD":  {run: (*session).cmdPwd, need: login, help: "PWD"},
		"XPWD": {run: (*session).cmdPwd, need: login, help: "XPWD"},
		"MKD":  {run: (*session).cmdMkd, need: login, arg: required, help: "MKD <directory>"},
		"XMKD": {run: (*session).cmdMkd, need: login, arg: required, help: "XMKD <directory>"},
		"RMD":  {run: (*session).cmdRmd, need: login, arg: required, help: "RMD <directory>"},
		"XRMD": {run: (*session).cmdRmd, need: login, arg: required, help: "XRMD <directory>"},
		"DELE": {run: (*session).cmdDele, need: login, arg: required, help: "DELE <file>"},
		"RNFR": {run: (*session).cmdRnfr, need: login, arg: required, help: "RNFR <path>"},
		"RNTO": {run: (*session).cmdRnto, need: login, arg: required, help: "RNTO <path>"},
		"COMB": {run: (*session).cmdComb, need: login, arg: required, feat: "COMB target;source_list", help: "COMB <target> <source>..."},
		"SIZE": {run: (*session).cmdSize, need: login, arg: required, feat: "SIZE", help: "SIZE <file>"},
		"MDTM": {run: (*session).cmdMdtm, need: login, arg: required, feat: "MDTM", help: "MDTM <file>"},
		"MFMT": {run: (*session).cmdMfmt, need: login, arg: required, feat: "MFMT", help: "MFMT <time> <path>"},
		"MFCT": {run: (*session).cmdMfct, need: login, arg: required, feat: "MFCT", help: "MFCT <time> <path>"},
		"MFF":  {run: (*session).cmdMff, need: login, arg: required, feat: "MFF Modify;Create;UNIX.group;UNIX.mode;", help: "MFF <facts> <path>"},
		"HASH": {run: (*session).cmdHash, need: login, arg: required, feat: "HASH", help: "HASH <file>"},
		"AVBL": {run: (*session).cmdAvbl, need: login, feat: "AVBL", help: "AVBL [<directory>]"},
		"SITE": {run: (*session).cmdSite, need: login, arg: required, feat: "SITE COPY", help: "SITE <command>"},

		// Information, RFC 959 section 4.1.3, RFC 2389 and RFC 2640.
		"FEAT": {run: (*session).cmdFeat, help: "FEAT"},
		"OPTS": {run: (*session).cmdOpts, arg: required, words: true, help: "OPTS <command> [<options>]"},
		"HELP": {run: (*session).cmdHelp, help: "HELP [<command>]"},
		"SYST": {run: (*session).cmdSyst, help: "SYST"},
		"NOOP": {run: (*session).cmdNoop, during: true, help: "NOOP"},
		"CLNT": {run: (*session).cmdClnt, feat: "CLNT", help: "CLNT <name>"},
		"CSID": {run: (*session).cmdCsid, feat: "CSID", help: "CSID <facts>"},
		"LANG": {run: (*session).cmdLang, words: true, feat: "LANG EN*", help: "LANG [<tag>]"},
	}
	for i, sum := range sums {
		commands[sum.verb] = &command{run: sumCommand(i), need: login, arg: required,
			feat: sum.verb + " filename;start;end", help: sum.verb + " <file> [<start> [<end>]]"}
	}
	for verb := range commands {
		verbs = append(verbs, verb)
	}
	slices.Sort(verbs)
}

// foreign are verbs of HTTP, SMTP and TLS-unaware relatives. A browser or a
// mail client that is tricked into this port must not get one answer more than
// needed (ALPACA, CVE-2021-3618).
var foreign = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "CONNECT": true,
	"OPTIONS": true, "TRACE": true, "PATCH": true, "PRI": true,
	"HELO": true, "EHLO": true, "LHLO": true, "MAIL": true, "RCPT": true, "DATA": true,
	"RSET": true, "VRFY": true, "EXPN": true, "STARTTLS": true,
}

// admitCommand finds a command's row and checks what the row demands. When the
// command may not run, ok is false and reply says why.
func (s *session) admitCommand(cmd wire.Command) (row *command, reply wire.Reply, ok bool) {
	row = commands[cmd.Verb]
	switch {
	case row == nil && !s.loggedIn && foreign[cmd.Verb]:
		s.ending = errForeignVerbs
		return nil, wire.Text(421, "This is an FTP server."), false
	case row == nil:
		return nil, wire.Text(500, "Command not understood; try HELP."), false
	case row.run == nil:
		return nil, wire.Text(502, cmd.Verb+" is not implemented."), false
	case s.isOff(cmd.Verb):
		return nil, switchedOff(cmd.Verb), false
	case row.need == secrecy && s.cleared:
		return nil, wire.Text(533, "No login after CCC; connect again."), false
	case row.need >= secrecy && !s.secured && !s.cleared && !s.srv.InsecurePlaintext:
		return nil, wire.Text(530, "TLS is required: send AUTH TLS first."), false
	case row.need == login && !s.loggedIn:
		return nil, wire.Text(530, "Please log in with USER and PASS."), false
	case row.arg == required && row.argument(cmd) == "":
		return nil, wire.Text(501, "Usage: "+row.help), false
	}
	return row, wire.Reply{}, true
}

// argument is what the handler is given of a command's argument.
func (row *command) argument(cmd wire.Command) string {
	if row.words {
		return strings.TrimRight(cmd.Arg, " ")
	}
	return cmd.Arg
}
