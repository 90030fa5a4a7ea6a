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
	"github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

// What the engine asks the keeper.
const (
	askSettings = channel.FirstOp + iota // what to go by: engineSettings, as a file
	askFile                              // a listener, by its name
	askPort                              // a data port
	askLogin
	askLogout // a session of a hand is over
	askLost   // a hand has ended, or is stuck
	askReady  // the engine is about to serve
	askReload
	askEnd // the control socket was told to drain
	askReport
	askAudit   // to write a line of the audit log
	askBans    // those that hold: keptBans, as a file
	askUpgrade // to start the program anew: upgraded, as a file
	askKept    // to keep other bans over a restart; the answer says whether they are
	askLookUp  // the addresses of a name that is announced
	askMember  // whether a user of this host is in the group of the control socket
)

// What the keeper tells the parts.
const (
	tellSettings = channel.FirstOp + iota // the engine: what to go by from now on
	tellSigner                            // the engine: where signatures come from
	tellHand                              // the engine: a hand, and its number
	tellRetired                           // the engine: a hand that no session has, and none will get
	tellDrain                             // the engine: let transfers finish, and end
	tellCut                               // the engine: end
	tellWaits                             // the engine: a login waits for others than its processors
	tellCheck                             // the clerk: compare a password with a hash
	tellPost                              // the clerk: ask an HTTP endpoint
	tellLookUp                            // the clerk: look up the addresses of a name
	tellOpen                              // a hand: the directory to serve
	tellText                              // a judge: one of the files to go by
	tellJudge                             // a judge: a login
	tellLend                              // the newest engine: a socket to an older one, which gets leases
	tellBorrow                            // an older engine: that socket; it serves nobody new from then on
	tellUses                              // an older engine: whether it takes connections from a data port that is held
	tellPing                              // the engine: say that it is well
	tellRun                               // a runner: run a program
)

// How long calls between parts may take.
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

// engineSettings are what the engine goes by.
type engineSettings struct {
	Passive, Announce, Greeting         string
	Proxies                             []netip.Prefix
	Disabled                            []string
	Reuse                               tls.Reuse
	CloseNotify, Plaintext, Shared      bool
	NeverConvert, Symlink, Active       bool
	Level                               slog.Level
	Drain, Idle                         time.Duration
	Sessions, PerAddress, LoginFailures int

	CertFile string
	Chain    [][]byte
	ClientCA []byte

	AuditFormat string // empty for no audit log
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

// forEngine returns what the engine needs to know of settings. The certificate is missing.
func (s *settings) forEngine() *engineSettings {
	return &engineSettings{
		Passive: s.passive, Announce: s.announce, Greeting: s.greeting, Proxies: s.proxies, Disabled: s.disabled, Reuse: s.reuse,
		CloseNotify: s.closeNotify, Plaintext: s.plaintext, Shared: s.shared, NeverConvert: s.neverConvert, Symlink: s.symlink,
		Active: s.active, Level: s.level, Drain: s.drain, Idle: s.limits.idle, Sessions: s.limits.sessions,
		PerAddress: s.limits.perAddress, LoginFailures: s.limits.failures, CertFile: s.cert, Configured: len(s.files) > 0,
		AuditFormat: s.auditKind(), Bans: engineBans{s.bans.after, s.bans.window, s.bans.period, s.bans.never},
	}
}

// settings returns the settings that the engine was told.
func (e *engineSettings) settings() *settings {
	return &settings{
		passive: e.Passive, announce: e.Announce, greeting: e.Greeting, proxies: e.Proxies, disabled: e.Disabled, reuse: e.Reuse,
		closeNotify: e.CloseNotify, plaintext: e.Plaintext, shared: e.Shared, neverConvert: e.NeverConvert, symlink: e.Symlink,
		active: e.Active, level: e.Level, drain: e.Drain, cert: e.CertFile,
		limits: limits{e.Idle, e.Sessions, e.PerAddress, e.LoginFailures},
		bans:   banRules{e.Bans.After, e.Bans.Window, e.Bans.Period, e.Bans.Never},
	}
}

// granted is what a login has opened.
type granted struct {
	Hand     uint64
	Owner    string // of the account
	Policy   driver.Policy
	Hidden   patterns
	ReadOnly bool
	Quota    int64
	Limited  bool // by Quota
}

// place of a hand, as the hand is told.
type handPlace struct {
	Dir      string
	InPlace  bool
	FileMode fs.FileMode
	DirMode  fs.FileMode
	Checked  bool                    // uploads are looked at
	Limits   map[int]pamhelper.Limit // that PAM has set for its session
}

// maxTold is how long a value may be that goes between keeper and engine as a file, in bytes.
const maxTold = 16 << 20

// packed returns a file in memory that holds a value, for messages have bounds.
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

// unpack reads what packed has written, and closes the file.
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
