package proxyproto_test

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/proxyproto"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// Example runs a server behind two balancers.
func Example() {
	balancers := &proxyproto.Protocol{Trusted: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.2/32"),
		netip.MustParsePrefix("10.0.0.3/32"),
	}}
	ports, err := passive.Range("21000-21010")
	if err != nil {
		fmt.Println(err)
		return
	}
	ports.Listen = balancers.ListenData
	cert, err := tls.SelfSigned("ftp.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &server.Server{Driver: driver.User("alice", "wonderland", driver.Mem()), TLS: cert, Passive: ports}
	defer srv.Close()

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ln = balancers.Wrap(ln)
	ln.Close() // this is an example
	fmt.Println(srv.Serve(ln) != nil)
	// Output: true
}
