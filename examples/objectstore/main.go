// Objectstore serves an object store over plain HTTP: GET with a range for
// downloads, GET with a prefix for listings, and a PUT that streams, so that a
// file of any size needs no disk and little memory here.
//
//   - main.go starts the server
//   - store.go is the driver: what each method of driver.FS asks the store
//   - upload.go turns what the server writes into the body of a PUT
//   - http.go sends the requests and turns answers into errors
//
// The store is made up, and implemented in store_test.go; real ones differ in
// their headers and in how requests are signed.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	url := flag.String("store", "http://127.0.0.1:9000", "where the objects are")
	flag.Parse()
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver: driver.User("alice", "wonderland", bucket{*url, http.DefaultClient}),
		TLS:    cert,
	}
	log.Fatal(srv.ListenAndServe(*listen))
}
