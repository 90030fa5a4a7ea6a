package main

import (
	"context"
	"crypto/x509"

	"github.com/sallyport/sallyport/driver"
)

// userSource is a place where users are looked up. ask takes data and returns data, so that a source may be in another
// process than the server. ask may be called concurrently, for as many attempts at once as the server judges, and
// returns soon after ctx has ended.
type userSource interface {
	// name returns what the log calls the source.
	name() string

	// ask returns what the source says of an attempt, and the account if the attempt is accepted. An error means that
	// the source can't tell; no source after it is asked then.
	ask(ctx context.Context, at *attempt) (*account, decision, error)
}

// decision is what a source says of an attempt.
type decision int

const (
	notMine  decision = iota // the source doesn't know the name, and the next is asked
	refused                  // the attempt is refused, and no other source is asked
	accepted                 // the attempt is right, and the account returned is the user's
)

// attempt is an attempt to log in. Programs and endpoints get it as JSON.
type attempt struct {
	User        string `json:"user"`
	Password    string `json:"password"`
	Peer        string `json:"peer"`                  // the address of the client, without a port; empty if it has none
	Local       string `json:"local"`                 // the address that the client connected to
	Host        string `json:"host,omitempty"`        // the name that the client asked for
	Secure      bool   `json:"secure"`                // TLS protects the control connection
	Certificate string `json:"certificate,omitempty"` // the common name of the client's certificate, which is verified

	// Half says that the client has sent no password: the attempt rests on the certificate alone, and a second attempt
	// with a password may follow.
	Half bool `json:"-"`
}

func newAttempt(l *driver.Login) *attempt {
	at := &attempt{User: l.User, Password: l.Password, Host: l.Host, Secure: l.Secure, Half: l.Password == "" && l.Certificate != nil}
	if l.Peer.IsValid() {
		at.Peer = l.Peer.Addr().Unmap().String()
	}
	if l.Local.IsValid() {
		at.Local = l.Local.Addr().Unmap().String()
	}
	if l.Certificate != nil {
		at.Certificate = commonName(l.Certificate)
	}
	return at
}

// commonName returns the common name of a certificate's subject.
func commonName(cert *x509.Certificate) string { return cert.Subject.CommonName }
