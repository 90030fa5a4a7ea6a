package server

import (
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// account holds what belongs to the user of a session. Another USER replaces it.
type account struct {
	claimedUser string // the argument of USER before PASS
	files       driver.FS
	owner       string // whose session it is: see ownerName
	policy      policy
	holding     *holding // what the account's sessions share; nil before enterAccount
	cwd         string
	told        map[string]bool // directories whose DirMessage the session has got
	source      string          // what RNFR or SITE CPFR named, for the command that must follow at once
	sourceOf    *command        // the last command that ran
	restart     int64           // the offset that REST or RANG set
	until       int64           // where the range of RANG ends; 0 for the end of the file
	alloSize    int64           // the size that ALLO announced; 0 for none
	data        dataSource      // what PASV, EPSV, PORT or EPRT left behind; nil without
}

// params are the transfer parameters, which REIN returns to their defaults (RFC
// 959, section 4.1.1).
type params struct {
	ascii    bool // TYPE A; the default is TYPE I, see cmdType
	private  bool // PROT P
	pbsz     bool // PBSZ was sent, so PROT is allowed (RFC 2228, section 3)
	epsvAll  bool // EPSV ALL (RFC 2428, section 4)
	facts    wire.Facts
	deflate  bool // MODE Z
	level    int  // OPTS MODE Z LEVEL, 0 for the default
	hashAlgo int  // OPTS HASH: index of sums
}

// forget logs out: it drops everything that belongs to the old user, and ends the
// context of what the driver opened for the login.
func (s *session) forget() {
	defer s.hookLogout(s.info(), s.loggedIn)
	s.dropData()
	if s.logout != nil {
		s.logout(errLogout)
	}
	if s.loggedIn {
		s.loginSince = time.Now()
	}
	s.srv.leaveAccount(s)
	s.account = account{cwd: "."}
	s.setLogin("", false, nil)
	if s.ctl.bind != nil {
		s.ctl.bind.SetOwner("")
	}
}

// reset logs out and puts everything but TLS back to the state of a new connection.
func (s *session) reset() {
	s.forget()
	// Clients that connect to an implicit port expect protected data and some
	// never say PROT; RFC 4217 starts in clear (section 9).
	s.params = params{facts: wire.AllFacts, private: s.implicit}
}
