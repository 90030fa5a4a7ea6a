package vsftpd

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/server"
)

// commands translates which commands nobody may use.
func (t *Translation) commands() {
	var disabled, options []string
	off := func(option string, commands ...string) {
		disabled, options = append(disabled, commands...), append(options, option)
	}
	for _, s := range []struct {
		option   string
		commands []string
	}{
		{"ssl_enable", []string{"AUTH", "PBSZ", "PROT"}},
		{"pasv_enable", []string{"PASV", "EPSV"}},
		{"chmod_enable", []string{"SITE CHMOD", "MFF"}},
		{"mdtm_write", []string{"MFMT", "MFF", "SITE UTIME"}},
		{"download_enable", []string{"RETR"}},
		{"dirlist_enable", []string{"LIST", "NLST", "MLSD", "STAT"}},
	} {
		if !t.Yes(s.option) {
			off(s.option, s.commands...)
		}
	}
	if list := t.Text("cmds_allowed"); list != "" {
		allowed := append(split(list), always...)
		if slices.Contains(allowed, "MDTM") {
			allowed = append(allowed, "MFMT") // without MFMT the server has MDTM set no times
		}
		off("cmds_allowed", slices.DeleteFunc(slices.Clone(verbs), func(v string) bool { return slices.Contains(allowed, v) })...)
	}
	if list := t.Text("cmds_denied"); list != "" {
		off("cmds_denied", slices.DeleteFunc(split(list), func(v string) bool { return slices.Contains(always, v) })...)
	}
	slices.Sort(disabled)
	disabled = slices.DeleteFunc(slices.Compact(disabled), unknownToServer)
	if len(disabled) > 0 {
		t.put("", "disable", disabled, options...)
	}
}

// split returns the commands of a list.
func split(list string) (all []string) {
	for name := range strings.SplitSeq(list, ",") {
		all = append(all, strings.ToUpper(strings.TrimSpace(name)))
	}
	return all
}

// unknownToServer reports whether Sallyport has no such command, so that the command needs no switching off.
func unknownToServer(name string) bool {
	return len(joined.Errors((&server.Server{Disabled: []string{name}, InsecurePlaintext: true}).Validate())) >
		len(joined.Errors((&server.Server{InsecurePlaintext: true}).Validate()))
}

// always are the commands that vsftpd's lists have no say in: it looks at the lists after the login.
var always = []string{"USER", "PASS", "AUTH", "PBSZ", "PROT", "QUIT"}

// verbs are the commands of Sallyport, but for those of SITE, which go with SITE.
var verbs = []string{
	"ABOR", "ACCT", "ALLO", "APPE", "AUTH", "AVBL", "CCC", "CDUP", "CLNT", "COMB", "CSID", "CWD", "DELE", "EPRT", "EPSV", "FEAT",
	"HASH", "HELP", "HOST", "LANG", "LIST", "MDTM", "MFCT", "MFF", "MFMT", "MKD", "MLSD", "MLST", "MODE", "NLST", "NOOP",
	"OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD", "QUIT", "RANG", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE",
	"SIZE", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "USER", "XCRC", "XCUP", "XCWD", "XMD5", "XMKD", "XPWD", "XRMD", "XSHA1",
	"XSHA256", "XSHA512",
}
