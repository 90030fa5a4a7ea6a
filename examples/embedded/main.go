// Embedded serves files that are part of the program, for reading only. Any
// fs.FS will do in their place: a zip archive, os.DirFS, fstest.MapFS.
package main

import (
	"embed"
	"flag"
	"io/fs"
	"log"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

//go:embed public
var embedded embed.FS

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	flag.Parse()
	public, err := fs.Sub(embedded, "public")
	if err != nil {
		log.Fatal(err)
	}
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver: driver.User("alice", "wonderland", driver.ReadOnly(public)),
		TLS:    cert,
	}
	log.Fatal(srv.ListenAndServe(*listen))
}
