package driver

import (
	"errors"
	"fmt"
	"time"
)

// Policy holds rules for one account in addition to the server's settings. The zero
// value leaves everything to those settings. A Policy adds demands to the server's and
// never lifts any.
//
// Sessions of one account share MaxSessions and the rates. [Account.Owner] names the
// account; if Owner is empty, the user's name does, whatever the case of the letters
// and whatever host the client named. Where one name is several users, as on
// different hosts, or several names are one, set Owner.
type Policy struct {
	// Dir is the directory that a session starts in, a name as [FS] has them. Empty is
	// the root. If Dir is no directory the session starts in the root, and the log says
	// so.
	Dir string

	// RequireTLS refuses the login over a control connection in clear, and later CCC
	// (RFC 4217, section 12.3), where the server allows them. The client reads that
	// TLS is required.
	RequireTLS bool

	// RequirePrivate refuses transfers over data connections in clear (PROT C; RFC
	// 2228, section 3), where the server allows them.
	RequirePrivate bool

	// RequireReuse refuses protected data connections that don't resume the TLS
	// session of their control connection, as tls.Require does for all accounts. A client
	// that never resumes hears 522 only when the lease of its data port ends, by default
	// 30 seconds after PASV.
	RequireReuse bool

	// RequireCertificate refuses the login without a client certificate that was
	// verified (Login.Certificate; RFC 4217, section 5). The server has to ask for
	// certificates in the handshake, where nobody is known yet: tls.Config.ClientAuth
	// VerifyClientCertIfGiven and ClientCAs. Where the server asks for none,
	// Server.Validate refuses [Users] who have RequireCertificate. The client may have
	// guessed the right password, and learns no more than from a wrong one; the log says
	// why.
	//
	// Any certificate of those CAs will do, another user's too. To bind a certificate
	// to the user, a Driver compares Login.Certificate with Login.User once the
	// password is right, and returns ErrLogin if there is no match: compare the
	// Subject.CommonName, say, or the public key with a key that is on record.
	RequireCertificate bool

	// IdleTimeout takes the place of the server's; negative means no limit.
	IdleTimeout time.Duration

	// MaxSessions bounds the sessions of the account at once, from all addresses
	// together. The next login is answered with 421. 0 means no limit.
	MaxSessions int

	// UploadRate and DownloadRate bound the bytes per second of all the account's
	// sessions together, listings included. The sessions share a rate fairly. Bytes
	// count as they are in files, before compression. Replies don't count, nor do the
	// listings in them, of at most 1000 entries (STAT of a path). The rate of the latest
	// login holds for all sessions, also for a transfer under way. An account that owes
	// a wait when it logs out still owes it at the next login. 0 means no limit.
	UploadRate, DownloadRate int64

	// Disabled are commands that the account can't use: "DELE", say, or "SITE CHMOD".
	// The names mean what Server.Disabled says. If no command has one of the names, the
	// [Driver] has made a mistake, and the login fails.
	Disabled []string
}

// Validate reports everything that is wrong with a policy, except unknown names of
// commands, which only the server knows.
func (p *Policy) Validate() error {
	var errs []error
	if p.Dir != "" && !ValidName(p.Dir) {
		errs = append(errs, fmt.Errorf("driver: policy: Dir %q is no name; want one such as home/alice, without a slash in front", p.Dir))
	}
	for _, limit := range []struct {
		name string
		n    int64
	}{{"MaxSessions", int64(p.MaxSessions)}, {"UploadRate", p.UploadRate}, {"DownloadRate", p.DownloadRate}} {
		if limit.n < 0 {
			errs = append(errs, fmt.Errorf("driver: policy: %s is %d; want a positive number, or 0 for no limit", limit.name, limit.n))
		}
	}
	return errors.Join(errs...)
}
