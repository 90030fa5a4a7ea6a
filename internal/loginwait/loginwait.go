// Package loginwait carries to whoever decides on a login a way to say that the decision waits for others.
package loginwait

import "context"

type key struct{}

// With returns a context that Tell finds waits in.
func With(ctx context.Context, waits func()) context.Context {
	return context.WithValue(ctx, key{}, waits)
}

// Tell calls what With has put into a context, if it did.
func Tell(ctx context.Context) {
	if waits, ok := ctx.Value(key{}).(func()); ok {
		waits()
	}
}
