package server

import (
	"errors"
	"slices"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// Settings are the fields of a [Server] that [Server.Update] may change while the server
// runs. Each means what the field of that name of Server means.
type Settings struct {
	// Driver judges logins to come. Sessions that are logged in keep the files and the
	// Policy of their account. Only the limits of the account as a whole (MaxSessions,
	// UploadRate, DownloadRate) change for all its sessions at the next login to the
	// account.
	Driver driver.Driver
	// TLS is for handshakes to come: certificates, client CAs, versions. Sessions stay
	// under the TLS that they have, and tickets stay good. A server that began without
	// TLS stays without. A server with TLS can't lose TLS.
	TLS *tls.Config
	// Announce decides what clients are told to connect to, in place of the Announce
	// of Server.Passive. Nil, the value at first, leaves the decision to
	// Server.Passive.
	Announce passive.Announcer
	// Greeting is for connections to come.
	Greeting string
	// Host is for HOST commands to come.
	Host func(name string) bool
	// Disabled and IdleTimeout are for logins to come, and for sessions that are not logged
	// in: a session keeps what was in force when it logged in.
	Disabled    []string
	IdleTimeout time.Duration
	// LoginTimeout, HandshakeTimeout and DataTimeout count from the next command, handshake
	// and data connection.
	LoginTimeout, HandshakeTimeout, DataTimeout time.Duration
	// MaxSessions, MaxSessionsPerAddress, MaxLogins and MaxLoginFailures are for
	// connections and logins to come: no session ends because there are too many.
	MaxSessions, MaxSessionsPerAddress, MaxLogins, MaxLoginFailures int
}

// Update changes the settings of a running server. It calls change with the settings in
// force, validates the result as a whole, and puts it into force at once. If anything is
// wrong, Update returns every error and changes nothing. No session ends: logins,
// connections and commands to come go by the new settings. Update starts a server that
// has not been started, so it returns the errors of Validate as well. Any goroutine may
// call Update at any time, but not change itself, nor a method Validate of the Driver,
// of the Announcer or of anything else that Update asks: such a call would wait for ever
// for the Update that it is part of. change must not be nil. The fields of Server keep
// what they were set to.
func (srv *Server) Update(change func(*Settings)) error {
	if err := srv.start(); err != nil {
		return err
	}
	srv.updating.Lock()
	defer srv.updating.Unlock()
	was := srv.inForce()
	next := was.Settings
	next.Disabled = slices.Clone(next.Disabled)
	change(&next)
	if err := srv.use(next); err != nil {
		return err
	}
	srv.judge.startMore()
	return nil
}

// inForce holds the settings that a server goes by, and what was made of them. A value
// is never changed, only replaced.
type inForce struct {
	Settings
	off disabled // commands that Disabled names, or that no option allows (command.allowed)
}

// inForce returns the settings in force. Before the start these are the fields of
// Server.
func (srv *Server) inForce() *inForce {
	if now := srv.settings.Load(); now != nil {
		return now
	}
	return &inForce{srv.fields(), srv.switchOff(srv.Disabled)}
}

// fields returns the settings as the fields have them.
func (srv *Server) fields() Settings {
	return Settings{
		Driver: srv.Driver, TLS: srv.TLS, Greeting: srv.Greeting, Host: srv.Host, Disabled: slices.Clone(srv.Disabled),
		IdleTimeout: srv.IdleTimeout, LoginTimeout: srv.LoginTimeout, HandshakeTimeout: srv.HandshakeTimeout, DataTimeout: srv.DataTimeout,
		MaxSessions: srv.MaxSessions, MaxSessionsPerAddress: srv.MaxSessionsPerAddress, MaxLogins: srv.MaxLogins, MaxLoginFailures: srv.MaxLoginFailures,
	}
}

// use puts settings into force if they are valid.
func (srv *Server) use(next Settings) error {
	was := srv.inForce()
	_, err := disable(next.Disabled)
	errs := []error{
		wrongAll("Disabled", err), wrongAll("Driver", validateDriver(next.Driver, next.TLS)),
		wrongAll("Announce", srv.ports.ValidateAnnouncer(next.Announce)),
	}
	if (next.TLS == nil) != (srv.layer == nil) {
		errs = append(errs, wrong("TLS", "it can be changed but neither begin nor end while the server runs"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// The last step that may fail: nothing has changed until then.
	if next.TLS != was.TLS {
		if err := srv.layer.Swap(next.TLS); err != nil {
			return wrongAll("TLS", err)
		}
	}
	srv.settings.Store(&inForce{next, srv.switchOff(next.Disabled)})
	return nil
}

// answersFor reports whether HOST may name a host (RFC 7151).
func (srv *Server) answersFor(name string) bool {
	known := srv.inForce().Host
	return known == nil || known(name)
}
