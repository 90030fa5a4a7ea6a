package server

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// defaultConnectTimeout is what the zero value of Active.Timeout stands for.
const defaultConnectTimeout = 30 * time.Second

// activeDialer dials the client, for PORT and EPRT.
type activeDialer struct {
	local  netip.Addr
	remote netip.AddrPort
	how    *Active
}

func (a *activeDialer) TransferStarting() {}

func (a *activeDialer) DropProof() bool { return true }

func (a *activeDialer) Over() bool { return false }

func (a *activeDialer) Accept(ctx context.Context) (net.Conn, error) {
	if d := duration(a.how.Timeout, defaultConnectTimeout); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	local := netip.AddrPortFrom(a.local, a.how.SourcePort)
	if a.how.Dial != nil {
		conn, err := a.how.Dial(ctx, local, a.remote)
		if err != nil {
			return nil, err
		}
		return nopanic.Conn(conn)
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}
	d.SetMultipathTCP(false)
	if a.how.SourcePort != 0 {
		// Transfers to several clients leave from the one port at once.
		d.Control = reuseAddr
	}
	return d.DialContext(ctx, "tcp", a.remote.String())
}

func (a *activeDialer) Close() error { return nil }
