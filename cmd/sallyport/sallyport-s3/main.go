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
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/driver/s3"
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
	case slices.Equal(args, []string{objects.ServeCommand}):
		return serve(os.Stdin, os.Stdout)
	}
	return errors.New("sallyport serve starts this program, when a folder is a bucket; nobody else can")
}

// serve serves the files of a store to the server, until in ends. Signals of a terminal and of a supervisor are for the
// server.
func serve(in io.ReadCloser, out io.WriteCloser) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	stream := channel.NewStream(in, out, in.Close)
	text, _, err := stream.Receive(make([]byte, channel.MaxMessage))
	if err != nil {
		return err
	}
	files, err := described(text)
	if err != nil {
		return err
	}
	if err := stream.Send([]byte{1}, nil); err != nil {
		return err
	}
	return hand.ServeOver(stream, files)
}

// described returns the files of the store that a text describes. Their connections are made by this process.
func described(text []byte) (*s3.FS, error) {
	st, err := objects.Parse(string(text))
	if err != nil {
		return nil, err
	}
	return open(st, (&net.Dialer{Timeout: dialPatience}).DialContext)
}

// check tries to reach the store that is described by what r yields.
func check(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	files, err := described(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialPatience+time.Second)
	defer cancel()
	return files.Check(ctx)
}
