package main

import (
	"context"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
)

// localUsers is the source of the users that options, configuration files, the users file and the
// directory of users name.
type localUsers struct {
	accounts map[string]account
	decoy    string // the hash that the password of an unknown name is compared with; empty if there are no hashes
	compare  func(ctx context.Context, hash, password string) (bool, error)
}

func newLocalUsers(accounts map[string]account, compare func(ctx context.Context, hash, password string) (bool, error)) *localUsers {
	hashes := func(yield func(string) bool) {
		for _, a := range accounts {
			if !yield(a.Password) {
				return
			}
		}
	}
	return &localUsers{accounts, passhash.Decoy(hashes), compare}
}

func (u *localUsers) name() string { return "the configuration" }

// ask compares the password with the hash of the user.
func (u *localUsers) ask(ctx context.Context, at *attempt) (*account, decision, error) {
	a, known := u.accounts[at.User]
	switch {
	case !known || at.Half && !a.Certificate:
		return nil, notMine, nil
	case a.Certificate && at.Certificate == at.User:
	case at.Half:
		return nil, notMine, nil
	case a.Password == "":
		return nil, refused, u.pretend(ctx, at.Password)
	default:
		right, err := u.compare(ctx, a.Password, at.Password)
		if err != nil || !right {
			return nil, refused, err
		}
	}
	a.Password = ""
	return &a, accepted, nil
}

// pretend takes as long as it takes to compare a password with a hash of the most usual kind.
func (u *localUsers) pretend(ctx context.Context, password string) error {
	_, err := u.compare(ctx, u.decoy, password)
	return err
}
