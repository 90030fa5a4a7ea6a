package driver

import "context"

// CheckPassword compares the password of l with a hash by [HashPassword],
// [HashToken] or another program's bcrypt ($2a$, $2b$, $2y$). It is for a [Driver]
// that looks its users up itself, and returns what Login then returns: nil if the
// password is right, ErrLogin if it is wrong or empty, ErrNeedPassword if only a
// certificate was given, and the error of a context that has ended.
//
// Pass an empty hash for a user who does not exist or may not log in. The
// comparison then costs as much as one with a hash by HashPassword, so that the time of a
// refusal doesn't tell which names exist. Where the users' hashes cost something
// else, as tokens and bcrypt at another cost do, pass a hash of their kind
// whose password nobody knows instead. A hash that is no hash, or takes longer than
// bcrypt at cost 16, counts as empty.
//
// CheckPassword may be called concurrently.
func CheckPassword(ctx context.Context, l *Login, hash string) error {
	if err := ctx.Err(); err != nil {
		return err // hashing for a client that is gone helps only a flood
	}
	if l.Password == "" {
		return l.withoutPassword()
	}
	hash, known := usersHash(hash)
	if !matches(hash, l.Password) || !known {
		return ErrLogin
	}
	return ctx.Err()
}

// nobodysHash is a hash at the cost of HashPassword, of a password that was drawn at
// random and forgotten.
const nobodysHash = "$2a$10$mTceVppVqiBPCaq/xRsOEuS9nJ/h2YKAHvM9XBoRIGPh8ZiyMOU7W"

// usersHash returns a hash to compare a password with, and reports whether it is the
// user's own. If the user has no valid one, it is nobodysHash, so that the comparison
// takes as long.
func usersHash(hash string) (h string, own bool) {
	if checkHash(hash) == nil {
		return hash, true
	}
	return nobodysHash, false
}
