package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/joined"
)

// Users is a Driver with an entry for each name. It is not changed while a
// server uses it; all methods may then be called concurrently.
//
// An unknown name costs a client as much time as the dearest hash among the
// entries, or among a hundred of them, and gets the same error as a wrong
// password. Entries with cheaper hashes can therefore be told from unknown names:
// use one kind of hash and one cost for all.
type Users map[string]UserEntry

// UserEntry describes one user of Users. The zero value never logs in.
type UserEntry struct {
	// Hash is made of the password by HashPassword or HashToken; a bcrypt hash of another program
	// ($2a$, $2b$, $2y$, as htpasswd -B writes) will do as well. With an empty Hash nobody logs in.
	Hash string

	// Files are the files that the user sees. They may be shared with other accounts.
	Files FS

	// Home makes the files at login, in place of Files. Whatever the files hold open is released with
	// context.AfterFunc on ctx, which ends at the logout. The server logs an error that is not ErrLogin.
	Home func(ctx context.Context, l *Login) (FS, error)

	// Policy holds rules for this user in addition to the server's settings. The zero value adds
	// nothing.
	Policy Policy
}

// Login compares the password with the account's hash.
func (u Users) Login(ctx context.Context, l *Login) (*Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // hashing for a client that is gone helps only a flood
	}
	if l.Password == "" {
		return nil, l.withoutPassword()
	}
	// Choose the decoy even if it isn't needed: otherwise the time for choosing it would tell which
	// names are known.
	decoy := u.decoy()
	a, known := u[l.User]
	if !known || !usable(a.Hash) {
		matches(decoy, l.Password)
		return nil, ErrLogin
	}
	if !matches(a.Hash, l.Password) {
		return nil, ErrLogin
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a.open(ctx, l)
}

func (a UserEntry) open(ctx context.Context, l *Login) (*Account, error) {
	files := a.Files
	if a.Home != nil {
		var err error
		if files, err = a.Home(ctx, l); err != nil {
			return nil, err
		}
	}
	if files == nil {
		return nil, fmt.Errorf("driver: user %q has no files", l.User)
	}
	return &Account{FS: files, Policy: a.Policy}, nil
}

// maxDecoys is how many accounts decoy looks at. Looking at all of 100,000 would
// take longer than to compare a token.
const maxDecoys = 100

// decoy returns the dearest hash to compare of all accounts, or of a hundred of them
// that a range over the map chooses at random.
func (u Users) decoy() string {
	var decoy string
	dearest, seen := -1, 0
	for _, a := range u {
		if c := cost(a.Hash); c > dearest {
			decoy, dearest = a.Hash, c
		}
		if seen++; seen == maxDecoys {
			break
		}
	}
	return decoy
}

// withoutPassword returns the error for a login without a password. A certificate
// alone logs nobody in here.
func (l *Login) withoutPassword() error {
	if l.Certificate != nil {
		return ErrNeedPassword
	}
	return ErrLogin
}

// Validate reports everything that keeps an account from logging in: a bad hash,
// no files, an empty name, a Policy that makes no sense. The server calls it at
// start.
func (u Users) Validate() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u)) {
		a := u[name]
		if name == "" {
			errs = append(errs, errors.New("driver: users: a name is empty"))
		}
		if err := checkHash(a.Hash); err != nil {
			errs = append(errs, fmt.Errorf("driver: users: %q: %w", name, err))
		}
		for _, err := range joined.Errors(a.Policy.Validate()) {
			errs = append(errs, fmt.Errorf("driver: users: %q: %w", name, err))
		}
		if a.Files == nil && a.Home == nil {
			errs = append(errs, fmt.Errorf("driver: users: %q has neither Files nor Home", name))
		}
		if a.Files != nil && a.Home != nil {
			errs = append(errs, fmt.Errorf("driver: users: %q has both Files and Home", name))
		}
	}
	return errors.Join(errs...)
}
