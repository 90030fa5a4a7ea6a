// Afero serves a file system of github.com/spf13/afero, which has some for memory,
// cloud storage, SFTP, archives, and layers over others. Here reads fall through
// to a base that never changes, and writes stay in a layer above it.
package main

import (
	"flag"
	"log"

	"github.com/spf13/afero"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	flag.Parse()
	base := afero.NewMemMapFs()
	if err := afero.WriteFile(base, "/base.txt", []byte("from the base\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	layered := afero.NewCopyOnWriteFs(afero.NewReadOnlyFs(base), afero.NewMemMapFs())
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver: driver.User("alice", "wonderland", driver.Afero(layered)),
		TLS:    cert,
	}
	log.Fatal(srv.ListenAndServe(*listen))
}
