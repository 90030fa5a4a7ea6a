package driver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// User is a Driver with one user, who sees files. User keeps a salted digest of
// the password rather than the password. With an empty name or password, or
// with nil files, nobody logs in; the Driver's Validate method, which the
// server calls at start, reports that.
//
// The digest is a fast one: it suits a password that the program knows anyway.
// If the program is to know no more than a bcrypt hash, such as htpasswd -nB
// prints, use [Users], which may be one user as well:
//
//	driver.Users{"alice": {Hash: os.Getenv("FTP_HASH"), Files: files}}
func User(name, password string, files FS) Driver {
	u := &oneUser{salt: make([]byte, 16), files: files}
	rand.Read(u.salt) // never fails
	u.name, u.password = u.digest(name), u.digest(password)
	u.problem = errors.Join(
		problem(name == "", "user: name is empty"),
		problem(password == "", "user: password is empty"),
		problem(files == nil, "user: files are nil"),
	)
	return u
}

type oneUser struct {
	salt           []byte
	name, password []byte
	files          FS
	problem        error
}

// Login compares name and password in constant time, both in any case.
func (u *oneUser) Login(ctx context.Context, l *Login) (*Account, error) {
	if l.Password == "" {
		return nil, l.withoutPassword()
	}
	ok := subtle.ConstantTimeCompare(u.name, u.digest(l.User)) &
		subtle.ConstantTimeCompare(u.password, u.digest(l.Password))
	if ok != 1 || u.problem != nil {
		return nil, ErrLogin
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &Account{FS: u.files}, nil
}

// Validate reports all that is wrong with the arguments of User.
func (u *oneUser) Validate() error { return u.problem }

func (u *oneUser) digest(s string) []byte {
	h := hmac.New(sha256.New, u.salt)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func problem(is bool, text string) error {
	if !is {
		return nil
	}
	return errors.New("driver: " + text)
}
