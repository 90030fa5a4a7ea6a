// Sallyport-s3 reaches buckets of object storage for sallyport serve, which starts it: see
// "A folder in a bucket" in docs/operating.md. It is a program of its own so that no process
// of the server has the client for such stores.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sallyport-s3:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case slices.Equal(args, []string{"part", "bucket"}):
		return runPart()
	case slices.Equal(args, []string{"check"}):
		return check(os.Stdin)
	}
	return errors.New("sallyport serve starts this program, when a folder is a bucket; nobody else can")
}

// check tries to reach the store that is described by what r yields.
func check(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	st, err := objects.Parse(string(text))
	if err != nil {
		return err
	}
	files, err := open(st, (&net.Dialer{Timeout: dialPatience}).DialContext)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialPatience+time.Second)
	defer cancel()
	return files.Check(ctx)
}
