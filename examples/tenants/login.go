package main

import (
	"context"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

// Login makes directory a driver.Driver.
func (d *directory) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	u, err := d.db.user(ctx, l.User)
	if err != nil {
		return nil, err // the database is out of order: nobody's guess, and a line in the log
	}
	if err := authenticate(ctx, l, u); err != nil {
		return nil, err
	}
	if u.closed != "" { // in words, now that it is known to be the user
		return nil, &driver.Error{Code: 530, Text: u.closed}
	}
	files, err := d.files(ctx, u)
	if err != nil {
		return nil, err
	}
	policy := driver.Policy{
		RequireCertificate: u.certificate != "", // what authenticate saw, once more
		MaxSessions:        u.sessions,
		UploadRate:         u.uploadRate, // of all sessions of the user together
		DownloadRate:       u.downloadRate,
	}
	return &driver.Account{FS: files, Policy: policy, Value: u}, nil
}

// authenticate wants the certificate, the password or both, as the user's row says.
func authenticate(ctx context.Context, l *driver.Login, u user) error {
	shown := l.Certificate != nil && tls.FingerprintOf(l.Certificate) == u.certificate
	switch {
	case u.certificate != "" && !shown:
		return driver.CheckPassword(ctx, l, "") // wrong, and takes as long as a wrong password
	case shown && u.hash == "":
		return nil
	case l.Certificate != nil && l.Password == "": // not asked for yet
		return driver.ErrNeedPassword
	}
	return driver.CheckPassword(ctx, l, u.hash)
}
