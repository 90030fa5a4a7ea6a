// Inbox shows a driver of one's own: it keeps files by another driver, and lets
// the program know of each upload once it is complete. An upload that was cut
// never shows up.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// inbox calls arrived for each upload that was committed. It passes on the
// methods of the FS within, but not its optional abilities (times, modes),
// since inbox has no Unwrap.
type inbox struct {
	driver.FS
	arrived func(name string)
}

func (in inbox) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := in.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return &upload{up, func() { in.arrived(name) }}, nil
}

type upload struct {
	driver.Upload
	arrived func()
}

// Unwrap lets the server and driver.Inspect find what the upload within can do.
func (u *upload) Unwrap() driver.Upload { return u.Upload }

// Commit runs before the client reads 226, so an error here would reach it: the
// place to refuse what should not have been sent.
func (u *upload) Commit() error {
	if err := u.Upload.Commit(); err != nil {
		return err
	}
	u.arrived()
	return nil
}

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	flag.Parse()
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	files := inbox{driver.Mem(), func(name string) { log.Printf("arrived: %q", name) }}
	srv := &server.Server{Driver: driver.User("alice", "wonderland", files), TLS: cert}
	log.Fatal(srv.ListenAndServe(*listen))
}
