package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

func TestProxyOption(t *testing.T) {
	s, err := parseServe([]string{"dir", "--proxy-protocol", "10.0.0.2, 10.1.0.0/16", "--proxy-protocol=2001:db8::2"})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{settings: s}
	if got, want := d.proxyNames(), "10.0.0.2, 10.1.0.0/16, 2001:db8::2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		"":           `--proxy-protocol: "" is no network; want one such as 10.0.0.0/8`,
		"balancer":   `"balancer" is no network`,
		"10.0.0.2/8": "write 10.0.0.0/8 for the network or 10.0.0.2 for the address",
	} {
		if _, err := parseServe([]string{"dir", "--proxy-protocol=" + text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want ... %s ...", text, err, want)
		}
	}
}

// Behind a load balancer the server sees the client's own address, and
// announces the address that the client dialled. Without the balancer nobody
// can connect.
func TestProxyProtocol(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("only 127.0.0.1 is configured here")
	}
	p := start(t, "--proxy-protocol", "127.0.0.1")
	if !strings.Contains(p.banner, "only through 127.0.0.1, which must send PROXY headers") {
		t.Errorf("the banner doesn't name the proxies:\n%s", p.banner)
	}
	config := p.clientTLS(t)
	explicit := p.fact(t, "explicit FTPS")
	user, password := p.fact(t, "user"), p.fact(t, "password")
	if c, err := ftpclient.Dial(explicit, false, config, user, password); err == nil {
		c.Close()
		t.Error("a client gets around the proxy")
	}

	_, control, _ := net.SplitHostPort(explicit)
	for port := range strings.SplitSeq(control+","+p.fact(t, "data ports"), ",") {
		forward(t, port)
	}
	c, err := ftpclient.Dial(net.JoinHostPort("127.0.0.9", control), false, config, user, password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Get("RETR hello.txt"); err != nil || got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if r, err := c.Cmd(227, "PASV"); err != nil || !strings.Contains(r.Text(), "(203,0,113,9,") {
		t.Errorf("PASV: %q, %v", r, err)
	}
}

// forward listens on a port of 127.0.0.9 and forwards connections to the same
// port of 127.0.0.1, with a PROXY header of version 1, until the test ends.
func forward(t *testing.T, port string) {
	t.Helper()
	first, last, isRange := strings.Cut(port, "-")
	if isRange {
		var from, to int
		fmt.Sscan(first, &from)
		fmt.Sscan(last, &to)
		for ; from <= to; from++ {
			forward(t, fmt.Sprint(from))
		}
		return
	}
	at := netip.MustParseAddrPort("127.0.0.9:" + port)
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { ln.Close(); running.Wait() })
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				up, err := net.DialTimeout("tcp", "127.0.0.1:"+port, 10*time.Second)
				if err != nil {
					return
				}
				defer up.Close()
				fmt.Fprintf(up, "PROXY TCP4 198.51.100.7 203.0.113.9 %d %s\r\n", c.RemoteAddr().(*net.TCPAddr).Port, port)
				running.Go(func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() })
				io.Copy(c, up)
			})
		}
	})
}
