// Minimal is a whole FTPS server: a directory, a user, a certificate, eleven
// data ports and the address that clients outside of a NAT must dial.
package main

import (
	"log"
	"os"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	files, err := driver.OpenDir("/srv/ftp") // an os.Root: nothing outside is reachable
	check(err)
	cert, err := tls.Load("cert.pem", "key.pem") // read again when the files change
	check(err)
	ports, err := passive.Range("21000-21010")
	check(err)
	ports.Announce = passive.Address("203.0.113.7") // what clients outside must dial
	srv := &server.Server{
		Driver:  driver.User("alice", os.Getenv("FTP_PASSWORD"), files),
		TLS:     cert,
		Passive: ports,
	}
	go func() { check(srv.ListenAndServeTLS(":990")) }() // implicit
	check(srv.ListenAndServe(":21"))                     // explicit, the same server, the same ports
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
