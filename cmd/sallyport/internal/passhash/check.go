package passhash

import (
	"context"
	"runtime"
)

// Checker compares passwords with hashes, as many at once as leave a processor to those who have logged in. So
// memory is bounded, too. Its methods may be called concurrently.
type Checker struct{ places chan struct{} }

// NewChecker returns a Checker. GOMAXPROCS says nothing here, for a quiet server has lowered it.
func NewChecker() *Checker {
	return &Checker{make(chan struct{}, max(runtime.NumCPU()-1, 1))}
}

// Check reports whether a password is that of a hash. An empty password, one of more than 512 bytes and what is no hash
// never match. The error is that of a context that ended before the comparison.
func (c *Checker) Check(ctx context.Context, text, password string) (bool, error) {
	if password == "" || len(password) > maxPassword {
		return false, ctx.Err()
	}
	h, err := parse(text)
	if err != nil {
		return false, ctx.Err()
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return false, ctx.Err() // hashing for a client that is gone helps only a flood
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return h.matches(password), nil
}
