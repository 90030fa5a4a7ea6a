package server

import (
	"slices"

	"github.com/sallyport/sallyport/internal/wire"
)

// commands is the one table of verbs; a row of SITE has the key "SITE CHMOD". init
// fills the table, because HELP and FEAT read it back, and nothing changes it
// afterwards.
var commands map[string]*command

// verbs are the keys of commands in alphabetical order.
var verbs []string

// These conditions switch commands on.
var (
	withTLS     = func(srv *Server) bool { return srv.layer != nil }
	withCCC     = func(srv *Server) bool { return srv.layer != nil && srv.AllowCCC }
	withEPSV    = func(srv *Server) bool { return !srv.NoEPSV }
	withSymlink = func(srv *Server) bool { return srv.AllowSymlink }
	withActive  = func(srv *Server) bool { return srv.Active != nil }
)

func init() {
	commands = map[string]*command{
		// Access control, RFC 959 section 4.1.1, and RFC 7151.
		"USER": {run: (*session).cmdUser, need: secrecy, arg: required, help: "USER <name>"},
		"PASS": {run: (*session).cmdPass, need: secrecy, help: "PASS <password>"},
		"ACCT": {run: (*session).cmdAcct, need: secrecy, arg: required, help: "ACCT <account>"},
		"HOST": {run: (*session).cmdHost, arg: required, feat: "HOST", help: "HOST <name>"},
		"CWD":  {run: (*session).cmdCwd, names: namesArg, need: login, help: "CWD [<directory>]"},
		"XCWD": {run: (*session).cmdCwd, names: namesArg, need: login, alias: "CWD", help: "XCWD [<directory>]"},
		"CDUP": {run: (*session).cmdCdup, names: namesUp, need: login, help: "CDUP"},
		"XCUP": {run: (*session).cmdCdup, names: namesUp, need: login, alias: "CDUP", help: "XCUP"},
		"REIN": {run: (*session).cmdRein, help: "REIN"},
		"QUIT": {run: (*session).cmdQuit, during: hastens, help: "QUIT"},
		"SMNT": {help: "SMNT <path>"},

		// Security, RFC 2228 and RFC 4217.
		"AUTH": {run: (*session).cmdAuth, arg: required, words: true, alone: true, feat: "AUTH TLS", help: "AUTH TLS",
			enabled: withTLS, off: wire.Text(431, "TLS is not set up on this server.")},
		"PBSZ": {run: (*session).cmdPbsz, arg: required, words: true, feat: "PBSZ", help: "PBSZ 0",
			enabled: withTLS, off: wire.Text(503, "PBSZ needs AUTH first.")},
		"PROT": {run: (*session).cmdProt, arg: required, words: true, feat: "PROT", help: "PROT P|C",
			enabled: withTLS, off: wire.Text(503, "PROT needs AUTH first.")},
		"CCC": {run: (*session).cmdCcc, need: login, alone: true, featNow: (*session).featCcc, help: "CCC",
			enabled: withCCC, off: wire.Text(534, "The control connection must stay protected.")},
		"ADAT": {help: "ADAT <data>"},
		"CONF": {help: "CONF <data>"},
		"ENC":  {help: "ENC <data>"},
		"MIC":  {help: "MIC <data>"},

		// Transfer parameters, RFC 959 section 4.1.2, and RFC 2428.
		"PASV": {run: (*session).cmdPasv, need: login, feat: "PASV", help: "PASV"},
		"EPSV": {run: (*session).cmdEpsv, need: login, words: true, feat: "EPSV", help: "EPSV [1|2|ALL]",
			enabled: withEPSV, off: wire.Text(502, "EPSV is switched off; use PASV.")},
		"PORT": {run: (*session).cmdPort, need: login, arg: required, words: true, help: "PORT h1,h2,h3,h4,p1,p2",
			enabled: withActive, off: wire.Text(502, "PORT is switched off; use passive mode.")},
		"EPRT": {run: (*session).cmdEprt, need: login, arg: required, words: true, feat: "EPRT", help: "EPRT |1|<address>|<port>|",
			enabled: withActive, off: wire.Text(502, "EPRT is switched off; use passive mode.")},
		"TYPE": {run: (*session).cmdType, need: login, arg: required, words: true, help: "TYPE A|I|L 8"},
		"STRU": {run: (*session).cmdStru, need: login, arg: required, words: true, help: "STRU F"},
		"MODE": {run: (*session).cmdMode, need: login, arg: required, words: true, opts: (*session).optsMode, featNow: (*session).featMode, help: "MODE S|Z"},
		"LPRT": {help: "LPRT <address>"},
		"LPSV": {help: "LPSV"},

		// Service, RFC 959 section 4.1.3, and RFC 3659.
		"RETR": {run: (*session).cmdRetr, names: namesArg, need: login, data: true, arg: required, help: "RETR <file>"},
		"STOR": {run: (*session).cmdStor, names: namesArg, need: login, data: true, uploads: true, arg: required, help: "STOR <file>"},
		"APPE": {run: (*session).cmdAppe, names: namesArg, need: login, data: true, uploads: true, arg: required, help: "APPE <file>"},
		"STOU": {run: (*session).cmdStou, names: namesStou, need: login, data: true, uploads: true, help: "STOU [<file>]"},
		"ALLO": {run: (*session).cmdAllo, need: login, arg: required, help: "ALLO <bytes>"},
		"REST": {run: (*session).cmdRest, need: login, arg: required, feat: "REST STREAM", help: "REST <bytes>"},
		"RANG": {run: (*session).cmdRang, need: login, arg: required, feat: "RANG STREAM", help: "RANG <first> <last>"},
		"ABOR": {run: (*session).cmdAbor, need: login, during: aborts, help: "ABOR"},
		"LIST": {run: (*session).cmdList, names: namesList, need: login, data: true, help: "LIST [<path>]"},
		"NLST": {run: (*session).cmdNlst, names: namesList, need: login, data: true, help: "NLST [<path>]"},
		"MLSD": {run: (*session).cmdMlsd, names: namesArg, need: login, data: true, help: "MLSD [<directory>]"},
		"MLST": {run: (*session).cmdMlst, names: namesArg, need: login, opts: (*session).optsMlst, featNow: (*session).featMlst, help: "MLST [<path>]"},
		"STAT": {run: (*session).cmdStat, names: namesGiven, during: meanwhile, help: "STAT [<path>]"},

		// Files.
		"PWD":  {run: (*session).cmdPwd, need: login, help: "PWD"},
		"XPWD": {run: (*session).cmdPwd, need: login, alias: "PWD", help: "XPWD"},
		"MKD":  {run: (*session).cmdMkd, names: namesArg, need: login, arg: required, help: "MKD <directory>"},
		"XMKD": {run: (*session).cmdMkd, names: namesArg, need: login, arg: required, alias: "MKD", help: "XMKD <directory>"},
		"RMD":  {run: (*session).cmdRmd, names: namesArg, need: login, arg: required, help: "RMD <directory>"},
		"XRMD": {run: (*session).cmdRmd, names: namesArg, need: login, arg: required, alias: "RMD", help: "XRMD <directory>"},
		"DELE": {run: (*session).cmdDele, names: namesArg, need: login, arg: required, help: "DELE <file>"},
		"RNFR": {run: (*session).cmdRnfr, names: namesArg, need: login, arg: required, help: "RNFR <path>"},
		"RNTO": {run: (*session).cmdRnto, names: namesArg, need: login, arg: required, after: "RNFR", help: "RNTO <path>"},
		"COMB": {run: (*session).cmdComb, names: namesAll, need: login, arg: required, feat: "COMB target;source_list", help: "COMB <target> <source>..."},
		"SIZE": {run: (*session).cmdSize, names: namesArg, need: login, arg: required, feat: "SIZE", help: "SIZE <file>"},
		"MDTM": {run: (*session).cmdMdtm, names: namesAfterTime, need: login, arg: required, feat: "MDTM", help: "MDTM <file>"},
		"MFMT": {run: (*session).cmdMfmt, names: namesAfterWord, need: login, arg: required, feat: "MFMT", help: "MFMT <time> <path>"},
		"MFCT": {run: (*session).cmdMfct, names: namesAfterWord, need: login, arg: required, feat: "MFCT", help: "MFCT <time> <path>"},
		"MFF":  {run: (*session).cmdMff, names: namesAfterFacts, need: login, arg: required, feat: "MFF Modify;Create;UNIX.group;UNIX.mode;", help: "MFF <facts> <path>"},
		"HASH": {run: (*session).cmdHash, names: namesArg, need: login, arg: required, opts: (*session).optsHash, featNow: (*session).featHash, help: "HASH <file>"},
		"AVBL": {run: (*session).cmdAvbl, names: namesArg, need: login, feat: "AVBL", help: "AVBL [<directory>]"},
		"SITE": {run: (*session).cmdSite, need: login, arg: required, family: true, help: "SITE <command>"},

		// SITE, RFC 959 section 4.1.3.
		"SITE CHMOD":   {run: (*session).siteChmod, names: namesAfterWord, need: login, arg: required, help: "SITE CHMOD <mode> <path>"},
		"SITE CHGRP":   {run: (*session).siteChgrp, names: namesAfterWord, need: login, arg: required, help: "SITE CHGRP <group> <path>"},
		"SITE UTIME":   {run: (*session).siteUtime, names: namesOfUTime, need: login, arg: required, help: "SITE UTIME <time> <path>"},
		"SITE SYMLINK": {run: (*session).siteSymlink, names: namesAfterWord, allowed: withSymlink, need: login, arg: required, help: "SITE SYMLINK <target> <path>"},
		"SITE MKDIR":   {run: (*session).siteMkdir, names: namesArg, need: login, arg: required, alias: "MKD", help: "SITE MKDIR <path>"},
		"SITE RMDIR":   {run: (*session).siteRmdir, names: namesArg, need: login, arg: required, alias: "RMD", help: "SITE RMDIR <path>"},
		"SITE CPFR":    {run: (*session).siteCpfr, names: namesArg, need: login, arg: required, help: "SITE CPFR <file>"},
		"SITE CPTO":    {run: (*session).siteCpto, names: namesArg, need: login, arg: required, after: "SITE CPFR", feat: "SITE COPY", help: "SITE CPTO <file>"},
		"SITE HELP":    {run: (*session).siteHelp, need: login, help: "SITE HELP"},

		// Information, RFC 959 section 4.1.3, RFC 2389 and RFC 2640.
		"FEAT": {run: (*session).cmdFeat, help: "FEAT"},
		"OPTS": {run: (*session).cmdOpts, arg: required, words: true, help: "OPTS <command> [<options>]"},
		"HELP": {run: (*session).cmdHelp, help: "HELP [<command>]"},
		"SYST": {run: (*session).cmdSyst, help: "SYST"},
		"NOOP": {run: (*session).cmdNoop, during: meanwhile, help: "NOOP"},
		"CLNT": {run: (*session).cmdClnt, feat: "CLNT", help: "CLNT <name>"},
		"CSID": {run: (*session).cmdCsid, feat: "CSID", help: "CSID <facts>"},
		"LANG": {run: (*session).cmdLang, words: true, feat: "LANG EN*", help: "LANG [<tag>]"},
	}
	for i, sum := range sums {
		commands[sum.verb] = &command{run: sumCommand(i), names: namesPart, need: login, arg: required,
			feat: sum.verb + " filename;start;end", help: sum.verb + " <file> [<start> [<end>]]"}
	}
	aliases = make(map[string][]string)
	for verb, row := range commands {
		row.name = verb
		verbs = append(verbs, verb)
		if row.alias != "" {
			aliases[row.alias] = append(aliases[row.alias], verb)
		}
	}
	slices.Sort(verbs)
}

// foreign holds verbs of HTTP, SMTP and LMTP. A browser or a mail client that is
// tricked into this port must not get one answer more than needed (ALPACA,
// CVE-2021-3618).
var foreign = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "CONNECT": true,
	"OPTIONS": true, "TRACE": true, "PATCH": true, "PRI": true,
	"HELO": true, "EHLO": true, "LHLO": true, "MAIL": true, "RCPT": true, "DATA": true,
	"RSET": true, "VRFY": true, "EXPN": true, "STARTTLS": true,
}
