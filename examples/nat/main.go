// Nat is a server behind a NAT with clients on both sides: those of the local
// network are told the address that they dialled, everybody else the public one.
// The router forwards the control port and the data ports, TCP only, to here.
package main

import (
	"flag"
	"log"
	"net/netip"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	set := flag.String("passive", "21000-21010", "the data ports, which the router forwards")
	lan := flag.String("lan", "192.168.0.0/16", "the network on this side of the router")
	public := flag.String("public", "203.0.113.7", "the router's public address, or its DNS name if the address changes")
	flag.Parse()

	ports, err := passive.Range(*set)
	if err != nil {
		log.Fatal(err)
	}
	inside, err := netip.ParsePrefix(*lan)
	if err != nil {
		log.Fatal(err)
	}
	ports.Announce = passive.Rules{
		{Clients: inside}, // they are told the address that they dialled
		{Announce: passive.Address(*public)},
	}
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{
		Driver:  driver.User("alice", "wonderland", driver.Mem()),
		TLS:     cert,
		Passive: ports,
	}
	log.Fatal(srv.ListenAndServe(*listen))
}
