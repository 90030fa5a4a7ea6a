package vsftpd

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// process translates as whom the server runs.
func (t *Translation) process() {
	if t.Yes("run_as_launching_user") {
		t.tell("run_as_launching_user", "one process serves, with all rights of the user who starts it")
		return
	}
	t.put("", "run-as", t.Text("nopriv_user"), "nopriv_user")
	t.Lines = append(t.Lines, Line{Key: "uid-min", Value: 1, From: []string{"vsftpd serves users with any number"}})
	if t.Text("nopriv_user") == "nobody" {
		t.tell("nopriv_user", "other programs may run as nobody, too; a user of the server's own is better: useradd --system sallyport, and nopriv_user=sallyport")
	}
}

// listeners translates where the server listens.
func (t *Translation) listeners() {
	v4, v6 := t.Listens()
	if !v4 && !v6 && t.Socket == "" {
		t.mistake("vsftpd: not configured for standalone, must be started from inetd", t.At("listen"), "standard input is no socket; set listen=YES or listen_ipv6=YES")
		return
	}
	if !t.Yes("listen") && v4 {
		t.tell("listen", "it is not set, and Sallyport listens; Debian's vsftpd would not start but by inetd")
	}
	host, options := t.address(v4, v6)
	port := t.Number("listen_port")
	if port > 65535 {
		t.mistake("bad number in config file for: listen_port", t.At("listen_port"), "there is no port %d; want one up to 65535", port)
		return
	}
	key, other := "listen", "listen-implicit"
	if t.Yes("ssl_enable") && t.Yes("implicit_ssl") {
		key, other = other, key
		options = append(options, "implicit_ssl")
	}
	if !v4 && !v6 {
		t.put("", key, t.Socket, append(options, "listen")...)
		t.tell("listen", "the socket is served that the server was started with; max_clients and max_per_ip count the connections of one process")
	} else {
		t.put("", key, net.JoinHostPort(host, strconv.Itoa(port)), append(options, "listen_port")...)
	}
	t.put("", other, "", "implicit_ssl")
}

// Listens reports whether the server opens sockets of its own, of IPv4 and of IPv6. Without an option that says so it
// does unless it was started with a socket.
func (t *Translation) Listens() (v4, v6 bool) {
	v4, v6 = t.Yes("listen"), t.Yes("listen_ipv6")
	return v4 || !v6 && !t.Set("listen") && t.Socket == "", v6
}

// address returns the host to listen on, empty for all, and the options that say so.
func (t *Translation) address(v4, v6 bool) (host string, options []string) {
	four, six := t.Text("listen_address"), t.Text("listen_address6")
	t.checkAddress("listen_address", netip.Addr.Is4)
	t.checkAddress("listen_address6", netip.Addr.Is6)
	switch {
	case v4 && v6 && (four != "" || six != ""):
		t.mistake("run two copies of vsftpd for IPv4 and IPv6", t.At("listen_ipv6"), "one server listens on one address or on all; remove listen_address and listen_address6, or one of listen and listen_ipv6")
		return "", nil
	case v4 && v6:
		t.tell("listen_ipv6", "Sallyport listens for IPv4 and IPv6, where vsftpd would not start")
		return "", []string{"listen", "listen_ipv6"}
	case v6 && six != "":
		return six, []string{"listen_ipv6", "listen_address6"}
	case v6:
		return "", []string{"listen_ipv6"} // as vsftpd's socket, which takes clients of IPv4, too
	case four != "":
		return four, []string{"listen", "listen_address"}
	}
	return "0.0.0.0", []string{"listen"}
}

// checkAddress adds a mistake if an option is set and no address of its family.
func (t *Translation) checkAddress(option string, family func(netip.Addr) bool) {
	text := t.Text(option)
	if text == "" {
		return
	}
	if a, err := netip.ParseAddr(text); err != nil || !family(a) {
		t.mistake(fmt.Sprintf("bad %s: %s", option, text), t.At(option), "%q is no such address; want one of this host, or remove the line for all", text)
	}
}
