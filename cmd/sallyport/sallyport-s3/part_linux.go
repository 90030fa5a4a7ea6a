package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// readTrusted reads the certificates that TLS trusts, which can't be opened later. Without any, connections to the
// store fail and say so.
func readTrusted() { _, _ = x509.SystemCertPool() }

// runPart serves the files of a bucket to the engine. It has network and the keys of the bucket, and no files.
func runPart() error {
	if _, err := part.Begin(readTrusted); err != nil {
		return err
	}
	socket, err := part.File(0)
	if err != nil {
		return err
	}
	opened := make(chan *objects.Store, 1)
	keeper, err := part.Keeper(func(c *channel.Call, _ *channel.Writer) (*os.File, error) {
		st, err := objects.Parse(c.String())
		if err != nil {
			return nil, err
		}
		select {
		case opened <- st:
			return nil, nil
		default:
			return nil, channel.ErrMessage // the bucket is given once
		}
	})
	if err != nil {
		return err
	}
	var st *objects.Store
	select {
	case st = <-opened:
	case <-keeper.Done():
		return nil
	}
	files, err := open(st, dialBy(keeper))
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- hand.Serve(socket, files) }()
	select {
	case err := <-served:
		return err
	case <-keeper.Done():
		return nil
	}
}

// lookUpPatience bounds how long the keeper may take to look up a name.
const lookUpPatience = 10 * time.Second

// dialBy returns a function that connects to hosts whose names the keeper looks up.
func dialBy(keeper *channel.Peer) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialPatience}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		addrs, err := lookUp(ctx, keeper, host)
		if err != nil {
			return nil, &net.OpError{Op: "look up", Net: network, Err: err}
		}
		errs := []error{}
		for _, a := range addrs {
			conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

// lookUp returns the addresses of a host, which may be an address itself.
func lookUp(ctx context.Context, keeper *channel.Peer, host string) (addrs []netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	err = keeper.Ask(ctx, lookUpPatience, objects.AskResolve, func(w *channel.Writer) { w.String(host) }, nil, func(r *channel.Reader, _ *os.File) (err error) {
		addrs, err = channel.ReadAddrs(r)
		return err
	})
	if err == nil && len(addrs) == 0 {
		err = errors.New("the name has no address")
	}
	return addrs, err
}
