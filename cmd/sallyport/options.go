package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/tls"
)

// settings are the options of serve as they were given.
type settings struct {
	dir               string
	listen, implicit  string
	passive, announce string
	proxies           []netip.Prefix
	users             []credentials
	cert, key         string
	reuse             tls.Reuse
	closeNotify       bool
	uploads           string
	active, plaintext bool
	shared            bool // the clients' addresses are hidden
	neverConvert      bool
	disabled          []string // commands
	symlink           bool     // SITE SYMLINK
	level             slog.Level
	drain             time.Duration
}

const (
	uploadsAtomic  = "atomic"
	uploadsInPlace = "inplace"
)

// defaults need no privileges.
func defaults() *settings {
	return &settings{
		listen: ":2121", implicit: ":2990", passive: "21000-21010",
		uploads: uploadsAtomic, drain: 30 * time.Second,
	}
}

func (s *settings) options() []option {
	return []option{
		{"listen", "ADDR", "where explicit FTPS (AUTH TLS) is spoken; \"\" for nowhere (:2121)", text(&s.listen)},
		{"listen-implicit", "ADDR", "where TLS comes first; \"\" for nowhere (:2990)", text(&s.implicit)},
		{"passive", "SET", "data ports, such as 21000-21010 or 21000,21002-21005 or 21000-21010,!21005;\n\"any\" lets the system choose, which no firewall rule can name (21000-21010)", text(&s.passive)},
		{"announce", "ADDR", "the address clients are told for PASV, when a NAT hides this host's: an address,\na DNS name, or rules such as 10.0.0.0/8=dialled,*=203.0.113.7; \"port+10000\" behind\nan address shifts the ports that are told (the one they dialled)", text(&s.announce)},
		{"proxy-protocol", "CIDR[,CIDR]", "the load balancers in front, which send PROXY headers (version 1 or 2) on control\nand data ports; nobody else gets in then, and clients count by their own address.\nThey are believed whatever they say, so name no network that others share (none)", s.addProxies},
		{"user", "NAME:PASSWORD", "who may log in; may be repeated. Others on this host can see a command line: in\nplace of the password give its bcrypt hash, as htpasswd -nB NAME prints it\n(demo, with a password made for this run)", s.addUser},
		{"cert", "FILE", "certificate and chain, PEM; read again when it changes (self-signed, for this run)", text(&s.cert)},
		{"key", "FILE", "the certificate's private key, PEM", text(&s.key)},
		{"session-reuse", "POLICY", "prefer refuses data connections that resume another session's TLS; require also\nthose that resume none; off accepts all (prefer)", s.setReuse},
		{"shared-address", "", "something in front hides the clients' addresses, as Docker's userland proxy does: data\nconnections have to resume their session's TLS, and limits count by user", toggle(&s.shared)},
		{"uploads", "HOW", "atomic shows a file when it is whole; inplace lets clients resume (atomic)", choice(&s.uploads, uploadsAtomic, uploadsInPlace)},
		{"require-close-notify", "", "refuse an upload over TLS whose end is not proven by close_notify, so that a client\nthat is killed never leaves half a file; some clients send none", toggle(&s.closeNotify)},
		{"never-convert", "", "keep line ends as they are for clients that send TYPE A, too", toggle(&s.neverConvert)},
		{"disable", "COMMAND[,COMMAND]", "answer 502 to commands, such as DELE or \"SITE CHMOD\", and don't show them (none)", s.addDisabled},
		{"allow-symlink", "", "allow SITE SYMLINK; other programs may follow a link out of DIR when it is moved", toggle(&s.symlink)},
		{"active", "", "allow active mode, where this host connects to its clients", toggle(&s.active)},
		{"insecure-plaintext", "", "allow logins and transfers without TLS: anybody on the way reads passwords and files", toggle(&s.plaintext)},
		{"log-level", "LEVEL", "debug, info, warn or error (info)", setLevel(&s.level)},
		{"drain", "DURATION", "how long a signal lets running transfers go on (30s)", s.setDrain},
	}
}

func (s *settings) setReuse(text string) error {
	if err := s.reuse.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is not known; want prefer, require or off", text)
	}
	return nil
}

// addDisabled reads names of commands, which the server checks.
func (s *settings) addDisabled(text string) error {
	s.disabled = append(s.disabled, strings.Split(text, ",")...)
	return nil
}

func setLevel(to *slog.Level) func(string) error {
	return func(text string) error {
		if err := to.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q is not known; want debug, info, warn or error", text)
		}
		return nil
	}
}

func (s *settings) setDrain(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration; want one such as 30s or 5m", text)
	}
	s.drain = d
	return nil
}

// parseServe reads serve's command line. Its error is errHelp or a *usageError
// with everything that is wrong.
func parseServe(args []string) (*settings, error) {
	s := defaults()
	rest, errs := parse(s.options(), args)
	if len(errs) == 1 && errs[0] == errHelp {
		return nil, errHelp
	}
	sure := true // that what is left was meant as a directory
	for _, err := range errs {
		if _, is := err.(*unknownError); is {
			sure = false
		}
	}
	switch {
	case len(rest) == 0:
		errs = append(errs, fmt.Errorf("the directory to serve is missing: sallyport serve DIR"))
	case len(rest) > 1 && sure:
		errs = append(errs, fmt.Errorf("one directory can be served, not %d: %s", len(rest), strings.Join(rest, " ")))
	default:
		s.dir = rest[0]
	}
	errs = append(errs, s.check()...)
	if len(errs) > 0 {
		return nil, &usageError{"serve", errs}
	}
	return s, nil
}

const serveUsage = `sallyport serve DIR [--option value ...]

Serves a directory over FTPS until it gets a signal (INT, TERM; HUP when its terminal is
closed, ignored otherwise). The first lets running transfers finish, another one more than
a second later cuts them. Defaults are in parentheses.

`
