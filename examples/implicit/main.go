// Implicit serves explicit and implicit FTPS side by side. Both listeners share
// the server's users, limits and data ports, and Ctrl-C lets the transfers of
// both finish.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	explicit := flag.String("listen", ":2121", "where clients send AUTH TLS")
	implicit := flag.String("implicit", ":2990", "where TLS comes first")
	flag.Parse()

	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver: driver.User("alice", "wonderland", driver.Mem()),
		TLS:    cert,
	}
	ended := make(chan error, 2)
	go func() { ended <- srv.ListenAndServe(*explicit) }()
	go func() { ended <- srv.ListenAndServeTLS(*implicit) }()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	select {
	case err := <-ended: // a port is taken, say
		log.Fatal(err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.Print("transfers were cut: ", err)
	}
}
