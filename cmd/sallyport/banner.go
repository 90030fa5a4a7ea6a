package main

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/tls"
)

// banner says where the server is, how to try it and what firewalls must let
// through.
func (d *daemon) banner() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Serving %s\n\n", d.served())
	d.describe(&b)
	if len(d.proxies) == 0 { // nobody gets in from here
		d.explainTrying(&b)
	}
	d.explainFirewalls(&b)
	b.WriteString("\nCtrl-C ends it.\n")
	return b.String()
}

// served returns the directory that is served, for people to read.
func (d *daemon) served() string {
	if d.dir == "" {
		return "the homes of the users"
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return d.dir
	}
	return dir
}

// made reports whether the only user was made for this run.
func (d *daemon) made() bool { return d.nobody() }

func (d *daemon) describe(b *strings.Builder) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(b, "  %-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	if d.explicit != nil {
		row("explicit FTPS", "%s  (starts in clear, then AUTH TLS)", where(d.explicit))
	}
	if d.implicit != nil {
		row("implicit FTPS", "%s  (TLS from the first byte)", where(d.implicit))
	}
	row("data ports", "%s", d.ports)
	if d.announce != "" {
		row("announced", "%s", d.announce)
	}
	if len(d.proxies) > 0 {
		row("clients come", "only through %s, which must send PROXY headers", d.proxyNames())
	}
	if len(d.settings.files) > 0 {
		row("configuration", "%s", strings.Join(d.settings.files, ", "))
	}
	if d.socket != nil {
		row("control", "%s  (sallyport status asks there)", d.socket.path)
	}
	if d.made() {
		row("user", "%s", demoUser)
		row("password", "%s  (made for this run)", d.password)
	} else {
		row("users", "%s", strings.Join(d.whoIsKnown(), ", "))
	}
	switch {
	case d.cert.trouble != nil:
		row("certificate", "self-signed, made for this run, and in no file: %v", d.cert.trouble)
	case d.cert.made():
		row("certificate", "%s  (self-signed, made for this run)", d.cert.file)
	default:
		row("certificate", "%s", d.settings.cert)
	}
	if d.cert.made() {
		row("", "for %s", strings.Join(d.cert.names, ", "))
	}
	row("SHA-256", "%s", tls.Fingerprint(d.cert.config))
	if d.plaintext {
		row("WARNING", "logins and files without TLS are allowed: anybody on the way can read them")
	}
}

// whoIsKnown returns in words whose logins are accepted.
func (s *settings) whoIsKnown() (known []string) {
	if names := s.names(); len(names) > 0 {
		known = append(known, namesOf(names))
	}
	if s.anonymous != nil {
		known = append(known, anonymousTable)
	}
	if len(s.authProgram) > 0 {
		known = append(known, "those of "+s.authProgram[0])
	}
	if s.authURL != "" {
		known = append(known, "those of "+s.endpoint())
	}
	if s.systemSource {
		known = append(known, "those of "+filepath.Join(s.systemDir, "passwd"))
	}
	if s.pam {
		known = append(known, "those of PAM (service "+s.pamService+")")
	}
	return known
}

// namesOf lists names, of a long list the first ten and how many more there are.
func namesOf(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// where returns in words what a listener listens on.
func where(ln net.Listener) string {
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	if at.Addr().IsUnspecified() {
		return fmt.Sprintf("port %d of every address", at.Port())
	}
	return at.String()
}

func (d *daemon) explainTrying(b *strings.Builder) {
	switch {
	case d.cert.trouble != nil:
		b.WriteString("\nTry it on this machine (curl knows the server by its key; lftp trusts anybody who answers):\n\n")
	case d.cert.made():
		b.WriteString("\nTry it on this machine:\n\n")
	default:
		b.WriteString("\nTry it, with a host name that the certificate holds:\n\n")
	}
	for _, c := range d.commands() {
		fmt.Fprintf(b, "  %s\n", c)
	}
	if d.cert.file != "" {
		b.WriteString("\nOn another machine copy the certificate there first, or compare the fingerprint with the\n" +
			"one that your client shows (FileZilla, WinSCP). The certificate goes when the server ends.\n")
	}
}

// commands returns the curl and lftp commands that list the root directory.
func (d *daemon) commands() []string {
	var list []string
	if d.explicit != nil {
		list = append(list, d.curl("--ssl-reqd ", "ftp", d.explicit), d.lftp("ftp", d.explicit))
	}
	if d.implicit != nil {
		list = append(list, d.curl("", "ftps", d.implicit))
	}
	return list
}

func (d *daemon) curl(ssl, scheme string, ln net.Listener) string {
	return fmt.Sprintf("curl %s%s--user %s %s://%s/", ssl, d.curlTrust(), shell(d.login(":")), scheme, d.dialled(ln))
}

func (d *daemon) lftp(scheme string, ln net.Listener) string {
	script := d.lftpTrust() + "set ftp:ssl-force true; "
	if d.announce != "" {
		// Prefers EPSV, whose reply has no address: the announced address may not
		// be reachable from here.
		script += "set ftp:prefer-epsv true; "
	}
	return fmt.Sprintf("lftp -u %s -e %s %s://%s", shell(d.login(",")), shell(script+"ls; bye"), scheme, d.dialled(ln))
}

// curlTrust returns the options by which curl trusts a self-signed certificate:
// its file, or its public key where the file could not be written.
func (d *daemon) curlTrust() string {
	switch {
	case d.cert.trouble != nil:
		return fmt.Sprintf("--insecure --pinnedpubkey %s ", shell(d.cert.pin()))
	case d.cert.made():
		return fmt.Sprintf("--cacert %s ", shell(filepath.ToSlash(d.cert.file)))
	}
	return ""
}

// lftpTrust returns the settings by which lftp trusts the file of a self-signed
// certificate. Without the file they have lftp trust any certificate, since lftp
// can't pin a key.
func (d *daemon) lftpTrust() string {
	switch {
	case d.cert.trouble != nil:
		return "set ssl:verify-certificate false; "
	case d.cert.made():
		return fmt.Sprintf("set ssl:ca-file %s; ", shell(filepath.ToSlash(d.cert.file)))
	}
	return ""
}

// login returns a user, and behind sep the password if it was made for this run.
// curl and lftp ask for any other password.
func (d *daemon) login(sep string) string {
	if d.made() {
		return demoUser + sep + d.password
	}
	if names := d.names(); len(names) > 0 {
		return names[0]
	}
	if d.anonymous != nil {
		return anonymousNames[0]
	}
	return "USER"
}

// dialled returns the address that a client on this host dials.
func (d *daemon) dialled(ln net.Listener) string {
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	host := at.Addr().Unmap().String()
	if at.Addr().IsUnspecified() {
		host = "localhost"
	}
	if name := d.cert.host(); name != "" {
		host = name
	}
	return net.JoinHostPort(host, fmt.Sprint(at.Port()))
}

func (d *daemon) explainFirewalls(b *strings.Builder) {
	var ports []string
	for _, ln := range []net.Listener{d.explicit, d.implicit} {
		if ln != nil {
			ports = append(ports, fmt.Sprint(ln.Addr().(*net.TCPAddr).Port))
		}
	}
	data := d.ports.String()
	if d.ports.Len() == 0 {
		data = "all ports above 1023 (name a set with --passive to narrow this)"
	}
	fmt.Fprintf(b, "\nWhat firewalls must let through, TCP only:\n\n"+
		"  at the server  inbound   to ports %[1]s and %[2]s\n"+
		"  at the client  outbound  to the same ports\n", strings.Join(ports, ", "), data)
	if d.active {
		from := ""
		if d.activePort != 0 {
			from = fmt.Sprintf(", from port %d", d.activePort)
		}
		fmt.Fprintf(b, "  active mode    this server connects out to its clients%s, to any port from 1024 up\n", from)
	}
	switch d.activePort {
	case 20, 989:
		b.WriteString("  not needed     UDP\n")
	default:
		b.WriteString("  not needed     ports 20 and 989, UDP\n")
	}
	if d.ports.Len() > 0 {
		fmt.Fprintf(b, "\nAs a letter to a firewall team, or as rules (\"sallyport help firewall\"):\n\n  %s\n", d.rulesCommand())
	}
}

// rulesCommand returns the command that prints the rules for this server.
func (d *daemon) rulesCommand() string {
	words := []string{"sallyport", "firewall"}
	add := func(name, value, usual string) {
		if value != usual {
			words = append(words, "--"+name, shell(value))
		}
	}
	usual := defaults()
	add("listen", listened(d.explicit), usual.listen)
	add("listen-implicit", listened(d.implicit), usual.implicit)
	add("passive", d.passive, usual.passive)
	add("announce", d.announce, usual.announce)
	if d.active {
		words = append(words, "--active")
	}
	return strings.Join(words, " ")
}

// listened returns the address of a listener as --listen takes it.
func listened(ln net.Listener) string {
	if ln == nil {
		return ""
	}
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	if at.Addr() == netip.IPv6Unspecified() { // stands for IPv4 and IPv6
		return fmt.Sprintf(":%d", at.Port())
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()).String()
}

// shell quotes a word for a POSIX shell if it needs it.
func shell(s string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
