package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/tcpwrap"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

// Questions of the engine to the keeper. An engine of before an upgrade asks the keeper of after it, so each keeps its
// number: further ones go to the end, here and below.
const (
	askSettings = channel.FirstOp + iota // for the settings: engineSettings, as a file
	askFile                              // for a listener, by its name
	askPort                              // for a data port
	askLogin
	askLogout // says that a session of a hand is over
	askLost   // says that a hand has ended, or hangs
	askReady  // says that the engine is about to serve
	askReload
	askEnd // to drain, as the control socket was told
	askReport
	askAudit      // to write a line of the audit log
	askBans       // for the bans in force: keptBans, as a file
	askUpgrade    // to start the program anew: upgraded, as a file
	askKept       // to keep other bans over a restart; the answer says whether they will be
	askLookUp     // for the addresses of an announced name
	askMember     // whether a user of this host is in the group of the control socket
	askSource     // for a socket that is bound to the port of active mode
	askEngines    // for the processes of the other engines
	askOther      // to pass a request on to another engine: engineRequest and engineAnswer, as files
	askTicketKeys // for the keys of TLS session tickets
	askVsftpdLog  // to write a line of a log in the format of vsftpd
)

// Messages of the keeper to the parts.
const (
	tellSettings   = channel.FirstOp + iota // the engine: the settings from now on
	tellSigner                              // the engine: the socket of the signer
	tellHand                                // the engine: a hand, and its number
	tellRetired                             // the engine: a hand that no session uses and none will get
	tellDrain                               // the engine: let transfers finish, and end
	tellCut                                 // the engine: end
	tellWaits                               // the engine: a login that waits, though not for a processor
	tellCheck                               // the clerk: compare a password with a hash
	tellPost                                // the clerk: ask an HTTP endpoint
	tellLookUp                              // the clerk: look up the addresses of a name
	tellOpen                                // a hand: the directory to serve
	tellText                                // a judge: a passwd or shadow file
	tellJudge                               // a judge: the login to judge
	tellLend                                // the newest engine: a socket to an older one, which gets leases
	tellBorrow                              // an older engine: the other end of that socket; it accepts no more connections
	tellUses                                // an older engine: whether it accepts connections of a held data port
	tellPing                                // the engine: answer, to show that it is well
	tellRun                                 // a runner: run a program
	tellOther                               // an engine: a request of another engine
	tellTicketKeys                          // an engine: the keys of TLS session tickets from now on
	tellUsage                               // an engine: the file with the counts of a home, before the home's hand
)

// How long a question between parts may take.
const (
	usualPatience = 10 * time.Second
	loginPatience = time.Minute
)

// canSplit returns why this process can't split a server.
func canSplit() error {
	if os.Geteuid() != 0 {
		return errors.New("a server is split into processes of several users (run-as) by root only; start it as root, or leave run-as away")
	}
	return nil
}

// engineSettings are the settings that the engine needs.
type engineSettings struct {
	Number uint64 // of the engine; 1 for the first that the keeper has started

	Passive, Announce, Greeting         string
	Proxies                             []netip.Prefix
	Disabled                            []string
	Reuse                               tls.Reuse
	CloseNotify, Plaintext, Shared      bool
	NeverConvert, Symlink, Active       bool
	ActivePort                          uint16
	Level                               slog.Level
	Drain, Idle                         time.Duration
	Sessions, PerAddress, LoginFailures int

	NoPassword bool // anonymous users are not asked for one

	Listings listings
	Data     dataConns
	Stall    time.Duration

	CertFile string
	Chain    [][]byte
	ClientCA []byte

	Access *tcpwrap.Rules // nil for none

	AuditFormat string // empty without an audit log
	VsftpdLogs  vsftpdLogs
	Bans        engineBans

	Configured   bool // there is a configuration file
	ControlPath  string
	ControlGroup int
}

// engineBans are the rules of automatic bans.
type engineBans struct {
	After          int
	Window, Period time.Duration
	Never          []netip.Prefix
}

// forEngine returns what the engine needs of settings, but for the certificate.
func (s *settings) forEngine() *engineSettings {
	return &engineSettings{
		Passive: s.passive, Announce: s.announce, Greeting: s.greeting, Proxies: s.proxies, Disabled: s.disabled, Reuse: s.reuse,
		CloseNotify: s.closeNotify, Plaintext: s.plaintext, Shared: s.shared, NeverConvert: s.neverConvert, Symlink: s.symlink,
		Active: s.active, ActivePort: s.activePort, Level: s.level, Drain: s.drain, Idle: s.limits.idle, Sessions: s.limits.sessions,
		PerAddress: s.limits.perAddress, LoginFailures: s.limits.failures, CertFile: s.cert, Configured: len(s.files) > 0,
		NoPassword: s.noPassword, Listings: s.listings, Access: s.access, Data: s.data, Stall: s.limits.stall, AuditFormat: s.auditKind(), Bans: engineBans{s.bans.after, s.bans.window, s.bans.period, s.bans.never},
		VsftpdLogs: s.vsftpdLogs,
	}
}

// settings returns the engine's settings in the form that daemon uses.
func (e *engineSettings) settings() *settings {
	return &settings{
		passive: e.Passive, announce: e.Announce, greeting: e.Greeting, proxies: e.Proxies, disabled: e.Disabled, reuse: e.Reuse,
		closeNotify: e.CloseNotify, plaintext: e.Plaintext, shared: e.Shared, neverConvert: e.NeverConvert, symlink: e.Symlink,
		active: e.Active, activePort: e.ActivePort, level: e.Level, drain: e.Drain, cert: e.CertFile,
		noPassword: e.NoPassword, listings: e.Listings, access: e.Access, data: e.Data,
		limits:     limits{e.Idle, e.Stall, e.Sessions, e.PerAddress, e.LoginFailures},
		bans:       banRules{e.Bans.After, e.Bans.Window, e.Bans.Period, e.Bans.Never},
		vsftpdLogs: e.VsftpdLogs,
	}
}

// granted is the answer to a login that was accepted.
type granted struct {
	Hand    uint64 // 0 for an account that has only buckets
	Roots   []root // of the hand
	Buckets []grantedBucket
	Owner   string // the Owner of the account
	Policy  driver.Policy
	fileRights
	Quota    int64
	Limited  bool // Quota holds
	LoggedIn loggedIn
}

// grantedBucket is a bucket of an account, which has a hand of its own.
type grantedBucket struct {
	Hand     uint64
	Name     string // by which clients see it
	ReadOnly bool
}

// handPlace is what a hand needs to know of its place.
type handPlace struct {
	Roots   []root
	Home    string // what to sweep of the first root, which is more; empty for all of it
	InPlace bool
	Rules   fileRules
	Umask   fs.FileMode
	Umasked bool // Umask holds
	Checked bool // a program looks at uploads
}

// maxTold bounds a value that goes between keeper and engine as a file, in bytes.
const maxTold = 16 << 20

// packed returns a file in memory that holds a value as JSON. A value in a file may be longer
// than a message.
func packed(v any) (*os.File, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("sallyport", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	if _, err := f.Write(text); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unpack reads a value from a file that packed has written, and closes the file.
func unpack(f *os.File, to any) error {
	if f == nil {
		return channel.ErrMessage
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxTold))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}
