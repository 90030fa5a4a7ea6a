package main

import (
	"context"
	"crypto/x509"

	"github.com/sallyport/sallyport/driver"
)

// userSource is where users are known from. It takes data and returns data, so that it may be in another process than
// the server. ask may be called concurrently, for as many attempts at once as the server judges, and returns soon after
// ctx has ended.
type userSource interface {
	// name is how the log calls the source.
	name() string

	// ask returns what the source says of an attempt, and the account if the attempt is accepted. The error is that the
	// source can't tell, and nobody after it is asked.
	ask(ctx context.Context, at *attempt) (*account, decision, error)
}

// decision is what a source says of an attempt.
type decision int

const (
	notMine  decision = iota // the source doesn't know the name, and the next is asked
	refused                  // nobody else is asked
	accepted                 // the account is that of the attempt
)

// attempt is an attempt to log in. Its JSON is what programs and endpoints are told.
type attempt struct {
	User        string `json:"user"`
	Password    string `json:"password"`
	Peer        string `json:"peer"`                  // the address of the client, without a port; empty if it has none
	Local       string `json:"local"`                 // the address that the client connected to
	Host        string `json:"host,omitempty"`        // the name that the client asked for
	Secure      bool   `json:"secure"`                // TLS protects the control connection
	Certificate string `json:"certificate,omitempty"` // the common name of the client's certificate, which is verified

	// Half says that there is no password since the attempt rests on the certificate alone. A password may follow.
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

// commonName returns the name of whom a certificate is.
func commonName(cert *x509.Certificate) string { return cert.Subject.CommonName }
