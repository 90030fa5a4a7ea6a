package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/tcpwrap"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

// settings holds the options of serve as they were given, and what was read on their account.
type settings struct {
	dir               string
	stdin             bool // the socket to serve is standard input, as inetd gives it
	listen, implicit  string
	passive, announce string
	proxies           []netip.Prefix
	users             []credentials
	usersFile         string
	usersDir, home    string
	allowedFile       string   // of the names that may log in; empty for all
	refusedFile       string   // of the names that may not
	wrappers          string   // the name of this server in the files of TCP wrappers; empty if these don't count
	authProgram       []string // the program and its arguments
	authProgramUser   string
	authURL           string
	authURLClear      bool   // auth-url may send passwords in clear to other hosts
	systemSource      bool   // users of this host may log in
	systemGroup       string // the group whose keys hold for users of this host
	systemDir         string // the directory of passwd and shadow
	bucketProgram     string // the program that reaches buckets; empty for the one beside this
	pam               bool   // users whom PAM accepts may log in
	pamService        string // the name of the service in PAM
	pamUser           string // the user of this host that all users of PAM are; empty if each is its own
	pamSession        bool   // PAM opens a session for each of its users
	loginDelay        time.Duration
	failedLoginDelay  time.Duration
	pamProgram        string // the helper that asks PAM; empty for the one beside this program
	clientCA          string
	checkProgram      []string // the program and its arguments
	checkProgramUser  string
	checkTimeout      time.Duration
	greeting          string
	cert, key         string
	reuse             tls.Reuse
	closeNotify       bool
	uploads           string
	active, plaintext bool
	activePort        uint16 // that data connections of active mode come from; 0 for any
	shared            bool   // something hides the clients' addresses
	neverConvert      bool
	listings          listings
	data              dataConns
	owners            driver.Owners // what listings show of owners and groups
	disabled          []string      // commands that are switched off
	symlink           bool          // SITE SYMLINK is allowed
	level             slog.Level
	drain             time.Duration
	upgradeDrain      time.Duration
	limits            limits
	control           string // the path of the control socket, as it was given
	controlGroup      string
	runAs             string // the user whom the processes that clients reach run as; empty for one process
	systemUser        string // the user whose rights the files of users are touched with
	uidMin            int
	sandbox           string // whether the kernel has to confine processes
	log, logFormat    string
	auditLog          string
	auditFormat       string
	vsftpdLogs        vsftpdLogs
	stateDir          string // as it was given
	bans              banRules

	systemUsers map[string]identity // the system users of accounts and of runAs, by name or UID:GID
	accounts    map[string]account  // from configuration files, with passwords of the users file
	fromFile    map[string]account  // other users of the users file
	fromDir     map[string]account  // from the directory of users
	hosted      map[string]account  // users of this host with a table of their own, whose passwords other sources know
	anonymous   *account            // nil if nobody may log in as anonymous
	noPassword  bool                // anonymous users are not asked for a password
	groups      groups
	access      *tcpwrap.Rules // those of wrappers
	allowed     userList
	refused     userList
	said        []string                 // options of which it was told what they give up
	emails      userList                 // that anonymous users may have as password
	noEmails    userList                 // that they may not have
	hidden      []string                 // tells of users whom another user of the same name hides
	files       []string                 // the configuration files, in the order of reading
	first       string                   // the file in which options that no file has could stand; empty for none
	sources     map[string]source        // where each option was set
	unread      map[string]bool          // keys whose value could not be read, dotted; "" for the rest of a file
	buckets     map[string]objects.Store // by the names of their tables
}

const (
	uploadsAtomic  = "atomic"
	uploadsInPlace = "inplace"
)

const (
	sandboxRequired   = "required"
	sandboxBestEffort = "best-effort"
	sandboxOff        = "off"
)

// defaults returns settings with which a server needs no privileges.
func defaults() *settings {
	return &settings{
		unread: map[string]bool{},
		listen: ":2121", implicit: ":2990", passive: "21000-21010",
		uploads: uploadsAtomic, drain: 30 * time.Second, upgradeDrain: 24 * time.Hour, greeting: "FTP server ready.", limits: defaultLimits,
		uidMin: 1000, sandbox: sandboxBestEffort, systemDir: usualSystemDir, pamService: "sallyport", pamSession: true, checkTimeout: defaultCheckTimeout,
		logFormat: formatText, auditFormat: formatJSON, bans: defaultBans, data: defaultDataConns, listings: listings{TimeZone: "UTC"},
	}
}

// entry is an option of serve, which a flag, a variable or a configuration file can set.
type entry struct {
	option
	toml string // the value in the example file: the default, else an example; empty if files can't set the option
	when when
}

// when says when a change of an option in a configuration file takes effect.
type when int

const (
	atReload when = iota
	atStart       // at the next start
)

// isList reports whether the option may be given several times, all of which count.
func (e *entry) isList() bool { return strings.HasPrefix(e.toml, "[") || e.name == "user" }

func (s *settings) entries() []entry {
	return []entry{
		{option{"config", "FILE", "the configuration file, in TOML; conf.d/*.toml beside it is read after it\n(" + usualConfig + " if it is there)", text(new(string))}, "", atStart},
		{option{"dir", "DIR", "the directory to serve, for where it is no argument", text(&s.dir)}, `"/srv/ftp"`, atReload},
		{option{"listen", "ADDR", "where explicit FTPS (AUTH TLS) is spoken; \"\" for nowhere (:2121)", text(&s.listen)}, `":2121"`, atStart},
		{option{"listen-implicit", "ADDR", "where TLS comes first; \"\" for nowhere (:2990)", text(&s.implicit)}, `":2990"`, atStart},
		{option{"passive", "SET", "data ports, such as 21000-21010 or 21000,21002-21005 or 21000-21010,!21005;\n\"any\" lets the system choose, which no firewall rule can name (21000-21010)", text(&s.passive)}, `"21000-21010"`, atStart},
		{option{"announce", "ADDR", "the address clients are told for PASV, when a NAT hides this host's: an address,\na DNS name, or rules such as 10.0.0.0/8=dialled,*=203.0.113.7; \"port+10000\" behind\nan address shifts the ports that are told (the one they dialled)", text(&s.announce)}, `"203.0.113.7"`, atReload},
		{option{"proxy-protocol", "CIDR[,CIDR]", "the load balancers in front, which send PROXY headers (version 1 or 2) on control\nand data ports; nobody else gets in then, and clients count by their own address.\nThey are believed whatever they say, so name no network that others share (none)", s.addProxies}, `["192.0.2.10"]`, atStart},
		{option{"user", "NAME:PASSWORD", "who may log in; may be repeated. Others on this host can see a command line: in\nplace of the password give its hash, as sallyport config password prints. In the\nenvironment a line each; in a file tables, [user.NAME]\n(demo, with a password made for this run)", s.addUser}, "", atReload},
		{option{"users-file", "FILE", "more users, a line NAME:HASH each, as htpasswd -B writes it", text(&s.usersFile)}, `"/etc/sallyport/users"`, atReload},
		{option{"users-dir", "DIR", "more users, a file NAME.toml each with the keys of a table [user.NAME]", text(&s.usersDir)}, `"/etc/sallyport/users.d"`, atReload},
		{option{"allowed-users", "FILE", "a name in each line: nobody else may log in, whatever source has the name (none)", text(&s.allowedFile)}, `"/etc/sallyport/allowed-users"`, atReload},
		{option{"refused-users", "FILE", "a name in each line: who may not log in, whatever source has the name (none)", text(&s.refusedFile)}, `"/etc/sallyport/refused-users"`, atReload},
		{option{"tcp-wrappers", "NAME", "the name by which /etc/hosts.allow and /etc/hosts.deny say which addresses may connect,\nsuch as vsftpd; a change of the files counts at once (none, so all may)", text(&s.wrappers)}, `"vsftpd"`, atReload},
		{option{"auth-program", "ARG", "a program that is asked about all other names; repeat the option for its arguments.\nNo shell reads them: docs/operating.md (none)", s.addAuthProgram}, `["/usr/local/bin/check", "--domain", "example.com"]`, atReload},
		{option{"auth-program-user", "NAME", "the system's user that runs the program, if serve runs as root", text(&s.authProgramUser)}, `"nobody"`, atReload},
		{option{"auth-url", "URL", "an HTTPS endpoint that is asked after that, by POST; http:// for this host only (none)", text(&s.authURL)}, `"https://127.0.0.1:8443/login"`, atReload},
		{option{"insecure-auth-url", "", "allow http:// to other hosts, too: anybody on the way reads passwords", toggle(&s.authURLClear)}, `false`, atReload},
		{option{"system-users", "", "with run-as: users of this host may log in, as its passwd and shadow files say, with\ntheir own rights and in their own homes; asked after all others", toggle(&s.systemSource)}, `false`, atReload},
		{option{"system-users-group", "NAME", "the group, [group.NAME], whose keys hold for them, and for those of pam (none)", text(&s.systemGroup)}, `"hosted"`, atReload},
		{option{"system-users-dir", "DIR", "where passwd, shadow, group, shells and ftpusers are (/etc)", text(&s.systemDir)}, `"/etc"`, atReload},
		{option{"pam", "", "with run-as: PAM is asked about all other users of this host, by the program sallyport-pam", toggle(&s.pam)}, `false`, atReload},
		{option{"pam-service", "NAME", "the service that PAM goes by: /etc/pam.d/NAME (sallyport)", text(&s.pamService)}, `"sallyport"`, atReload},
		{option{"pam-user", "NAME", "the user of this host whose rights and home all users of PAM have, for such as this host\ndoesn't know (none: PAM's users are this host's)", text(&s.pamUser)}, `"ftp"`, atReload},
		{option{"pam-session", "", "open a session of PAM for each of its users whom this host knows (true)", toggle(&s.pamSession)}, `true`, atReload},
		{option{"login-delay", "DURATION", "how long each login takes besides (0s)", duration(&s.loginDelay, 0)}, `"0s"`, atReload},
		{option{"failed-login-delay", "DURATION", "how long each refused login takes, besides the delays that grow with their number (0s)", duration(&s.failedLoginDelay, 0)}, `"0s"`, atReload},
		{option{"s3-helper", "FILE", "where sallyport-s3 is, which reaches buckets (beside this program)", text(&s.bucketProgram)}, `"/usr/local/bin/sallyport-s3"`, atReload},
		{option{"pam-helper", "FILE", "where sallyport-pam is (beside this program)", text(&s.pamProgram)}, `"/usr/local/bin/sallyport-pam"`, atReload},
		{option{"home", "DIR", "the directory of each user who has none of its own: {user} is the name, and a relative\none is below the directory that is served (that directory)", text(&s.home)}, `"/srv/ftp/{user}"`, atReload},
		{option{"cert", "FILE", "certificate and chain, PEM; read again when it changes (self-signed, for this run)", text(&s.cert)}, `"/etc/sallyport/cert.pem"`, atReload},
		{option{"key", "FILE", "the certificate's private key, PEM", text(&s.key)}, `"/etc/sallyport/key.pem"`, atReload},
		{option{"client-ca", "FILE", "certificates of those who sign client certificates, PEM: clients are asked for one, and\nneed none but where [user.NAME] says require-certificate", text(&s.clientCA)}, `"/etc/sallyport/clients.pem"`, atReload},
		{option{"greeting", "TEXT", "the first line that clients read (FTP server ready.)", text(&s.greeting)}, `"FTP server ready."`, atReload},
		{option{"session-reuse", "POLICY", "prefer refuses data connections that resume another session's TLS; require also\nthose that resume none; off accepts all (prefer)", s.setReuse}, `"prefer"`, atStart},
		{option{"shared-address", "", "something in front hides the clients' addresses, as Docker's userland proxy does: data\nconnections have to resume the TLS of a session of their user, and limits count by user", toggle(&s.shared)}, `false`, atStart},
		{option{"uploads", "HOW", "atomic shows a file when it is whole; inplace lets clients resume (atomic)", choice(&s.uploads, uploadsAtomic, uploadsInPlace)}, `"atomic"`, atReload},
		{option{"check-program", "ARG", "a program that looks at each upload before it becomes a file, such as a virus scanner;\nrepeat the option for its arguments. Status 0 accepts and 1 refuses:\ndocs/operating.md (none)", s.addCheckProgram}, `["/usr/bin/clamdscan", "--no-summary", "-"]`, atReload},
		{option{"check-program-user", "NAME", "the system's user that runs such programs, if serve runs as root", text(&s.checkProgramUser)}, `"nobody"`, atReload},
		{option{"check-timeout", "DURATION", "how long such a program may take for an upload (30s)", duration(&s.checkTimeout, 0)}, `"30s"`, atReload},
		{option{"require-close-notify", "", "refuse an upload over TLS whose end is not proven by close_notify, so that a client\nthat is killed never leaves half a file; some clients send none", toggle(&s.closeNotify)}, `false`, atStart},
		{option{"never-convert", "", "keep line ends as they are for clients that send TYPE A, too", toggle(&s.neverConvert)}, `false`, atStart},
		{option{"time-zone", "ZONE", "the time zone of LIST, such as Europe/Berlin, or local for this host's; MLSD is\nalways UTC (UTC)", s.listings.setZone}, `"UTC"`, atStart},
		{option{"local-mdtm", "", "tell and take the times of MDTM in that time zone, too, against RFC 3659", toggle(&s.listings.LocalMDTM)}, `false`, atStart},
		{option{"owners", "HOW", "names, numbers or hidden: what listings show of owners and groups (names)", setOwners(&s.owners)}, `"names"`, atReload},
		{option{"hide-dot-files", "", "list names that begin with a dot only for clients that send LIST -a, or MLSD", toggle(&s.listings.HideDotFiles)}, `false`, atStart},
		{option{"list-recursive", "", "answer LIST -R with the directory and all directories below", toggle(&s.listings.Recursive)}, `false`, atStart},
		{option{"dir-message", "NAME", "a file, such as .message, whose text a session reads when it enters the directory of\nthe file for the first time (none)", text(&s.listings.DirMessage)}, `".message"`, atStart},
		{option{"disable", "COMMAND[,COMMAND]", "answer 502 to commands, such as DELE or \"SITE CHMOD\", and don't show them (none)", s.addDisabled}, `["DELE", "SITE CHMOD"]`, atReload},
		{option{"allow-symlink", "", "allow SITE SYMLINK; other programs may follow a link out of DIR when it is moved", toggle(&s.symlink)}, `false`, atStart},
		{option{"active", "", "allow active mode, where this host connects to its clients", toggle(&s.active)}, `false`, atStart},
		{option{"active-port", "N", "the port of this host that active mode connects from: 20, or 989 with TLS from the\nstart, for firewalls that expect those; 0 for any (0)", portNumber(&s.activePort)}, `0`, atStart},
		{option{"accept-timeout", "DURATION", "how long a client may take to connect after PASV or EPSV (30s)", duration(&s.data.AcceptTimeout, time.Second)}, `"30s"`, atStart},
		{option{"connect-timeout", "DURATION", "how long it may take to connect to a client in active mode (30s)", duration(&s.data.ConnectTimeout, time.Second)}, `"30s"`, atStart},
		{option{"data-timeout", "DURATION", "how long a transfer may move no byte; 0s for no limit (1m)", duration(&s.limits.stall, 0)}, `"1m"`, atReload},
		{option{"insecure-any-peer", "", "give a data connection to whoever connects to the port first, from any address", toggle(&s.data.AnyPeer)}, `false`, atStart},
		{option{"insecure-active-anywhere", "", "with active: let clients have this server connect to any address and port", toggle(&s.data.Anywhere)}, `false`, atStart},
		{option{"insecure-plaintext", "", "allow logins and transfers without TLS: anybody on the way reads passwords and files", toggle(&s.plaintext)}, `false`, atStart},
		{option{"idle-timeout", "DURATION", "how long a session may send no command while nothing is transferred;\n0s for no limit (5m)", duration(&s.limits.idle, 0)}, `"5m"`, atReload},
		{option{"max-sessions", "N", "connections at once; 0 for no limit, as for the two that follow (5000)", number(&s.limits.sessions)}, `5000`, atReload},
		{option{"max-sessions-per-address", "N", "connections at once of one client address, or IPv6 network of 64 bits (500)", number(&s.limits.perAddress)}, `500`, atReload},
		{option{"max-login-failures", "N", "refused logins that end a connection (3)", number(&s.limits.failures)}, `3`, atReload},
		{option{"log-level", "LEVEL", "debug, info, warn or error (info)", setLevel(&s.level)}, `"info"`, atReload},
		{option{"log", "FILE", "where the log goes; a file that was renamed is made anew (standard error)", text(&s.log)}, `"/var/log/sallyport/sallyport.log"`, atStart},
		{option{"log-format", "FORMAT", "text, json, or journald for the journal of systemd with a field for each value (text)", choice(&s.logFormat, formatText, formatJSON, formatJournal)}, `"text"`, atStart},
		{option{"audit-log", "FILE", "where a line goes for each login, logout, file operation and refused connection; - for\nstandard error, journald for the journal of systemd (none)", text(&s.auditLog)}, `"/var/log/sallyport/audit.log"`, atStart},
		{option{"audit-format", "FORMAT", "json or text (json)", choice(&s.auditFormat, formatJSON, formatText)}, `"json"`, atStart},
		{option{"vsftpd-log", "FILE", "where a line goes for each connection, login, transfer and change, as in vsftpd.log (none)", text(&s.vsftpdLogs.File)}, `"/var/log/vsftpd.log"`, atStart},
		{option{"vsftpd-syslog", "", "send these lines to syslog, as vsftpd and with the facility ftp", toggle(&s.vsftpdLogs.Syslog)}, `false`, atStart},
		{option{"vsftpd-log-protocol", "", "such lines for each command and reply, too, without passwords", toggle(&s.vsftpdLogs.Protocol)}, `false`, atStart},
		{option{"xferlog", "FILE", "where a line goes for each upload and download, in the format of wu-ftpd (none)", text(&s.vsftpdLogs.Xferlog)}, `"/var/log/xferlog"`, atStart},
		{option{"ban-after", "N", "refused logins, and connections beyond max-sessions-per-address, of one address or IPv6\nnetwork of 64 bits within ban-window that ban it; 0 for never (0)", number(&s.bans.after)}, `0`, atReload},
		{option{"ban-window", "DURATION", "within what time those count (10m)", duration(&s.bans.window, 0)}, `"10m"`, atReload},
		{option{"ban-for", "DURATION", "how long such a ban lasts (1h)", duration(&s.bans.period, 0)}, `"1h"`, atReload},
		{option{"ban-never", "CIDR[,CIDR]", "networks and addresses that no ban holds for (none)", s.addNeverBanned}, `["192.0.2.0/24"]`, atReload},
		{option{"state-dir", "DIR", "where bans are kept over a restart; \"\" for nowhere (" + usualState + " with a\nconfiguration file if that can be made, else nowhere)", text(&s.stateDir)}, `"` + usualState + `"`, atStart},
		{option{"drain", "DURATION", "how long a signal lets running transfers go on (30s)", duration(&s.drain, 0)}, `"30s"`, atReload},
		{option{"upgrade-drain", "DURATION", "with run-as: how long sessions of before sallyport upgrade may go on (24h)", duration(&s.upgradeDrain, 0)}, `"24h"`, atReload},
		{option{"control", "PATH", "the Unix socket on which sallyport status, sessions, kick, ban and the like ask this\nserver; \"\" for none (" + usualControl + " with a configuration file\nif that can be made, else none)", text(&s.control)}, `"` + usualControl + `"`, atStart},
		{option{"run-as", "NAME", "split the server into processes (Linux, started as root): what clients reach has the\nrights of this user, or UID:GID, and files are touched by processes that have those of\nsystem-user (one process, with all rights of who starts it)", text(&s.runAs)}, `"sallyport"`, atStart},
		{option{"system-user", "NAME", "with run-as: the user of this host, or UID:GID, with whose rights the files of each user\nare touched, for users whose tables name none (none, so each table has to)", text(&s.systemUser)}, `"ftp"`, atReload},
		{option{"uid-min", "N", "the lowest number that a system-user may have (1000)", number(&s.uidMin)}, `1000`, atReload},
		{option{"sandbox", "HOW", "with run-as: required has the kernel confine each process to what it needs (Landlock and\nseccomp), or the server doesn't start; best-effort does as much as this kernel can, and\nsays what it can't; off does nothing (best-effort)", choice(&s.sandbox, sandboxRequired, sandboxBestEffort, sandboxOff)}, `"best-effort"`, atStart},
		{option{"control-group", "GROUP", "whose members may use that socket, besides root and the server's own user (none)", text(&s.controlGroup)}, `"adm"`, atStart},
	}
}

// options returns the options of the entries.
func (s *settings) options() (options []option) {
	for _, e := range s.entries() {
		options = append(options, e.option)
	}
	return options
}

func (s *settings) setReuse(text string) error {
	if err := s.reuse.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is not known; want prefer, require or off", text)
	}
	return nil
}

// addAuthProgram adds an argument to the command line of the program. The first argument is the
// program itself.
func (s *settings) addAuthProgram(arg string) error {
	s.authProgram = append(s.authProgram, arg)
	return nil
}

// addDisabled adds names of commands, which the server checks.
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

const serveUsage = `sallyport serve [DIR] [--option value ...]

Serves a directory over FTPS until it gets a signal (INT, TERM). The first lets running
transfers finish, another one more than a second later cuts them. HUP has a configuration
file read again: logins to come follow it, and no session ends. Without such a file HUP ends
the server when its terminal is closed, and is ignored otherwise.

An option --some-name is also read from the environment, as SALLYPORT_SOME_NAME, and from
configuration files, as some-name. Flags go over the environment, which goes over files; a
file can hold more of its users than options can: docs/operating.md. Defaults are in
parentheses.

`
