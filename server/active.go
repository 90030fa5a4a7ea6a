package server

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// connectTimeout bounds an active-mode connection attempt.
const connectTimeout = 30 * time.Second

// activeDialer dials the client, for PORT and EPRT.
type activeDialer struct {
	local  netip.Addr
	remote netip.AddrPort
	source uint16
}

func (a *activeDialer) TransferStarting() {}

func (a *activeDialer) DropProof() bool { return true }

func (a *activeDialer) Over() bool { return false }

func (a *activeDialer) Accept(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{
		Timeout:   connectTimeout,
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.local, a.source)),
	}
	d.SetMultipathTCP(false)
	if a.source != 0 {
		// Transfers to several clients leave from the one port at once.
		d.Control = reuseAddr
	}
	return d.DialContext(ctx, "tcp", a.remote.String())
}

func (a *activeDialer) Close() error { return nil }
