// Package loginwait lets whoever decides on a login tell the server that the decision waits for others.
package loginwait

import "context"

type key struct{}

// With returns a context by which Tell calls waits.
func With(ctx context.Context, waits func()) context.Context {
	return context.WithValue(ctx, key{}, waits)
}

// Tell calls the function that With has put into a context, if there is one.
func Tell(ctx context.Context) {
	if waits, ok := ctx.Value(key{}).(func()); ok {
		waits()
	}
}
