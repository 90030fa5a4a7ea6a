// Reports shows a driver written from scratch. Its files are rows of a table,
// here a map: a partner may fetch them, and nobody may change them.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	flag.Parse()
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	files := reports{map[string]string{
		"2026/january.csv":  "order,amount\n1,9.90\n",
		"2026/february.csv": "order,amount\n2,5.00\n",
	}, time.Now()}
	srv := &server.Server{Driver: driver.User("partner", "wonderland", files), TLS: cert}
	log.Fatal(srv.ListenAndServe(*listen))
}
