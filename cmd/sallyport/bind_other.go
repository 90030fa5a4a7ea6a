//go:build !unix

package main

import (
	"context"

	"github.com/sallyport/sallyport/internal/tcp"
)

// longestSocket is how long the path of a Unix socket may be, in bytes.
const longestSocket = 107

// bind finds out whether a listener could be opened, by opening it.
func bind(ctx context.Context, network, address string) error {
	ln, err := tcp.Listen(ctx, network, address)
	if err == nil {
		ln.Close()
	}
	return err
}
