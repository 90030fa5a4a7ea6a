package scenario

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// The router of a segment tells the prefix that hosts make their addresses of, and for
// how long that prefix and the router are good. Real ones say half an hour.
const (
	segment      = "2001:db8:3::"
	goodFor      = 6 * time.Second
	advertiseFor = 500 * time.Millisecond // between two advertisements
)

// route is the main function of a router's process: on the interface "lan" it advertises
// itself and a prefix (RFC 4861, section 4.2), and sends what a DHCPv6 server answers.
func route() int {
	if err := advertise(); err != nil {
		fmt.Fprintln(os.Stderr, "router:", err)
		return 1
	}
	return 0
}

func advertise() error {
	router, err := linkLocal("lan")
	if err != nil {
		return err
	}
	icmp, err := net.ListenIP("ip6:ipv6-icmp", &net.IPAddr{IP: router, Zone: "lan"})
	if err != nil {
		return err
	}
	dhcp, err := net.ListenUDP("udp6", &net.UDPAddr{IP: router, Zone: "lan", Port: 547})
	if err != nil {
		return err
	}
	if err := hopLimit255(icmp); err != nil {
		return err
	}
	allNodes := net.ParseIP("ff02::1")
	for {
		// The kernel fills in the checksum.
		if _, err := icmp.WriteTo(advertisement6(), &net.IPAddr{IP: allNodes, Zone: "lan"}); err != nil {
			return err
		}
		host, err := netip.ParseAddr(os.Getenv("CLIENT"))
		if err != nil {
			return err
		}
		// RFC 8415, section 7.2: from a server's port to the port and link-local address
		// of the client. The client's question went to a group, so the answer is no
		// reply to the kernel.
		reply := []byte{7, 1, 2, 3}
		if _, err := dhcp.WriteTo(reply, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 546))); err != nil {
			return err
		}
		time.Sleep(advertiseFor)
	}
}

// advertisement6 returns a router advertisement with a prefix to make addresses of.
func advertisement6() []byte {
	seconds := uint32(goodFor / time.Second)
	ra := make([]byte, 16, 48)
	ra[0], ra[4] = 134, 64
	binary.BigEndian.PutUint16(ra[6:], uint16(seconds))
	prefix := netip.MustParseAddr(segment).As16()
	option := append([]byte{3, 4, 64, 0xc0}, make([]byte, 12)...) // on-link, autonomous
	binary.BigEndian.PutUint32(option[4:], seconds)
	binary.BigEndian.PutUint32(option[8:], seconds)
	return append(append(ra, option...), prefix[:]...)
}

// hopLimit255 sets the hop limit that proves to hosts that a packet comes from their own
// segment (RFC 4861, section 6.1.2).
func hopLimit255(c *net.IPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_HOPS, 255)
	})
	return errors.Join(failed, err)
}

// linkLocal returns the link-local address of an interface.
func linkLocal(name string) (net.IP, error) {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	addrs, err := dev.Addrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
			return n.IP, nil
		}
	}
	return nil, fmt.Errorf("%s has no link-local address", name)
}

// awaitDHCP is the main function of a process that waits for a DHCPv6 server's answer
// and prints whether it came.
func awaitDHCP() int {
	patience, err := time.ParseDuration(os.Getenv("PATIENCE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	conn, err := net.ListenUDP("udp6", &net.UDPAddr{Port: 546})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := conn.ReadFrom(make([]byte, 100)); err != nil {
		fmt.Println(dropped)
	} else {
		fmt.Println(open)
	}
	return 0
}
