package passhash

import (
	"context"
	"runtime"
)

// Checker compares passwords with hashes. It bounds the comparisons at once, and so their memory, such that one
// processor is left to those who have logged in. Its methods may be called concurrently.
type Checker struct{ places chan struct{} }

// NewChecker returns a Checker. It doesn't ask GOMAXPROCS, which a quiet server has lowered.
func NewChecker() *Checker {
	return &Checker{make(chan struct{}, max(runtime.NumCPU()-1, 1))}
}

// Check reports whether a password matches a hash. An empty password and one of more than 512 bytes never match, and
// nothing matches a text that is no hash. The error is that of ctx if it ends before the comparison.
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
		return false, ctx.Err() // a comparison for a client that is gone would only help a flood
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return h.matches(password), nil
}
