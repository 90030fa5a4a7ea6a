package proxyproto

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

const (
	user     = "alice"
	password = "correct horse"

	serverHost   = "127.0.0.1"
	balancerHost = "127.0.0.9"
)

// site is a server that only balancers can reach.
type site struct {
	*server.Server
	explicit, implicit int // ports
	data               []int
	dir, ca            string
	client             *stdtls.Config
	log                *journal

	mu        sync.Mutex
	transfers []server.Transfer
}

// serve starts a server whose ports are free at the balancer's address, too.
func serve(t *testing.T, p *Protocol) *site {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("only 127.0.0.1 is configured here")
	}
	first := testenv.FreePorts(t, 5)
	s := &site{explicit: first, implicit: first + 1, data: []int{first + 2, first + 3, first + 4}, dir: t.TempDir(), log: new(journal)}
	p.Logger = s.log.logger()
	cert, err := tls.SelfSigned(balancerHost, "localhost")
	require.NoError(t, err)
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(s.ca, tls.CertPEM(cert), 0o600))
	roots := x509.NewCertPool()
	roots.AddCert(cert.Certificates[0].Leaf)
	s.client = &stdtls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	dir, err := driver.OpenDir(s.dir)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	ports, err := passive.Range(fmt.Sprintf("%d-%d", first+2, first+4))
	require.NoError(t, err)
	ports.Listen = p.ListenData
	t.Cleanup(func() { ports.Close() })
	s.Server = &server.Server{
		Driver: driver.User(user, password, dir), TLS: cert, Passive: ports, Logger: s.log.logger(), InsecurePlaintext: true,
		Hooks: &server.Hooks{Transfer: func(x server.Transfer) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.transfers = append(s.transfers, x)
		}},
	}
	for port, serve := range map[int]func(net.Listener) error{s.explicit: s.Serve, s.implicit: s.ServeTLS} {
		ln, err := net.Listen("tcp", hostPort(serverHost, port))
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- serve(p.Wrap(ln)) }()
		t.Cleanup(func() {
			s.Close()
			require.ErrorIs(t, <-done, server.ErrServerClosed)
		})
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.log)
		}
	})
	return s
}

// hostPort returns an address to dial.
func hostPort[P int | uint16](host string, port P) string {
	return net.JoinHostPort(host, fmt.Sprint(port))
}

// ports returns all of a site's ports.
func (s *site) ports() []int { return append([]int{s.explicit, s.implicit}, s.data...) }

// moved returns the transfers so far.
func (s *site) moved() []server.Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transfers)
}

// balancer forwards the ports of a site under their own numbers, with a header
// that names the same client for all connections.
type balancer struct {
	version         byte
	client, dialled netip.Addr
}

func (b balancer) start(t *testing.T, s *site) {
	t.Helper()
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	for _, port := range s.ports() {
		ln, err := net.Listen("tcp", hostPort(balancerHost, port))
		require.NoError(t, err)
		t.Cleanup(func() { ln.Close() })
		running.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				running.Go(func() { b.forward(c, port) })
			}
		})
	}
}

func (b balancer) forward(c net.Conn, port int) {
	defer c.Close()
	up, err := net.Dial("tcp", hostPort(serverHost, port))
	if err != nil {
		return
	}
	defer up.Close()
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Port()
	up.Write(header(b.version, netip.AddrPortFrom(b.client, from), netip.AddrPortFrom(b.dialled, uint16(port))))
	var both sync.WaitGroup
	for _, d := range [][2]net.Conn{{up, c}, {c, up}} {
		both.Go(func() {
			io.Copy(d[0], d[1])
			d[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

func (s *site) login(t *testing.T, implicit bool) *ftpclient.Client {
	t.Helper()
	port := s.explicit
	if implicit {
		port = s.implicit
	}
	c, err := ftpclient.Dial(hostPort(balancerHost, port), implicit, s.client, user, password)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// The server knows clients by what the header says, on control and data, and
// tells them the address that they dialled.
func TestServer(t *testing.T) {
	for _, version := range []byte{1, 2} {
		s := serve(t, &Protocol{Trusted: loopback})
		balancer{version, client.Addr(), dialled.Addr()}.start(t, s)
		for _, implicit := range []bool{false, true} {
			c := s.login(t, implicit)
			content := strings.Repeat("0123456789", 50_000)
			require.NoError(t, c.Put("STOR a.txt", content))
			got, err := c.Get("RETR a.txt")
			require.NoError(t, err)
			require.Equal(t, content, got)
			at, err := c.PASV()
			require.NoError(t, err)
			to := netip.MustParseAddrPort(at)
			require.Equal(t, dialled.Addr(), to.Addr())
			require.Contains(t, s.data, int(to.Port()))
		}
		all := s.moved()
		require.Len(t, all, 4)
		for _, x := range all {
			require.Equal(t, client.Addr(), x.Session.Peer.Addr())
			require.Equal(t, dialled.Addr(), x.Session.Local.Addr())
			require.Equal(t, client.Addr(), x.Peer.Addr())
			require.True(t, x.Resumed)
		}
		s.Close()
	}
}

// For PASV the address family counts that the client speaks, not the
// balancer's.
func TestOtherFamily(t *testing.T) {
	s := serve(t, &Protocol{Trusted: loopback})
	balancer{2, netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2001:db8::9")}.start(t, s)
	c := s.login(t, false)
	_, err := c.Cmd(425, "PASV")
	require.NoError(t, err)
	_, err = c.Cmd(522, "EPSV 1")
	require.NoError(t, err)
	_, err = c.Cmd(229, "EPSV 2")
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR a.txt", "a"))
}

// A connection that says it is another client's is not given the data.
func TestThief(t *testing.T) {
	s := serve(t, &Protocol{Trusted: loopback})
	balancer{2, client.Addr(), dialled.Addr()}.start(t, s)
	c := s.login(t, false)
	_, err := c.Cmd(200, "PROT C") // nothing but the address tells clients apart
	require.NoError(t, err)
	at, err := c.PASV()
	require.NoError(t, err)
	port := netip.MustParseAddrPort(at).Port()

	to := hostPort(serverHost, port)
	for _, raw := range [][]byte{nil, localHeader(2), header(2, netip.MustParseAddrPort("198.51.100.66:1"), dialled)} {
		thief, err := net.Dial("tcp", to)
		require.NoError(t, err)
		_, _ = thief.Write(raw)
		if raw == nil {
			thief.(*net.TCPConn).CloseWrite()
		}
		_, err = thief.Read(make([]byte, 1))
		require.Error(t, err)
		thief.Close()
	}
	own, err := new(net.Dialer).DialContext(context.Background(), "tcp", hostPort(balancerHost, port))
	require.NoError(t, err)
	defer own.Close()
	_, err = c.Cmd(150, "STOR mine")
	require.NoError(t, err)
	_, err = io.WriteString(own, "content")
	require.NoError(t, err)
	own.Close()
	require.NoError(t, c.Done())
	got, err := os.ReadFile(filepath.Join(s.dir, "mine"))
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	require.Equal(t, client.Addr(), s.moved()[0].Peer.Addr())
}
