package passive_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/passive"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ports := passive.Any()
	defer ports.Close()

	// The control connection says who the client is and what it dialled.
	lease, err := ports.Lease(ctx, passive.Request{Client: netip.MustParseAddr("127.0.0.1"), Local: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Close()
	at, err := lease.Announced(ctx)
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("tcp", at.String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "the file")
	client.Close()

	conn, err := lease.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	data, err := io.ReadAll(conn)
	fmt.Println(string(data), err)
	fmt.Println(ports.Stats().Leases, "leases left")
	// Output:
	// the file <nil>
	// 0 leases left
}

func ExampleRange() {
	ports, err := passive.Range("21000-21010, !21005")
	fmt.Println(ports, ports.Len(), err)
	_, err = passive.Range("21010-21000, 70000")
	fmt.Println(err)
	// Output:
	// 21000-21004,21006-21010 10 <nil>
	// passive: ports "21010-21000": reversed; write 21000-21010
	// passive: ports "70000": want a port from 1 to 65535 such as 21000, or a range such as 21000-21010
}

func ExampleParseRules() {
	rules, err := passive.ParseRules("10.0.0.0/8=192.168.1.10, *=203.0.113.7")
	if err != nil {
		log.Fatal(err)
	}
	for _, client := range []string{"10.20.30.40", "198.51.100.4"} {
		addr, err := rules.Announce(context.Background(), netip.MustParseAddr(client), netip.MustParseAddr("192.168.1.10"))
		fmt.Println(client, "is told", addr, err)
	}
	// Output:
	// 10.20.30.40 is told 192.168.1.10 <nil>
	// 198.51.100.4 is told 203.0.113.7 <nil>
}

// Partners come through a forwarder that maps 21000 to 31000, and so on.
func ExampleParseRules_portMaps() {
	ports, err := passive.Range("21000-21010")
	if err != nil {
		log.Fatal(err)
	}
	rules, err := passive.ParseRules("10.0.0.0/8=dialled, 198.51.100.0/24=203.0.113.7 port+10000, *=203.0.113.9")
	if err != nil {
		log.Fatal(err)
	}
	ports.Announce = rules
	fmt.Println(ports.Validate(), rules.Offset(netip.MustParseAddr("198.51.100.4")), rules.Offset(netip.MustParseAddr("10.1.2.3")))
	// Output:
	// <nil> 10000 0
}

func ExampleWarn() {
	fmt.Println(passive.Warn(netip.MustParseAddr("198.51.100.4"), netip.MustParseAddr("172.17.0.2")))
	// Output:
	// the client at 198.51.100.4 is told to connect to 172.17.0.2, which cannot be reached from outside: announce the public address of the NAT in front of this host (passive.Address)
}
