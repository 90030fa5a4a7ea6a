package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// thieves returns the workloads in which a stranger connects to every data
// port first.
func thieves() []workload {
	var all []workload
	for _, h := range []theft{{otherAddress, false}, {"", false}, {otherAddress, true}, {"", true}} {
		where, who := whereabouts(h.from)
		how, does := "silent", "waits for the file"
		if h.tls {
			how, does = "tls", "resumes the TLS session of a login as another user"
		}
		all = append(all, workload{
			name:  fmt.Sprintf("thief-%s-%s", where, how),
			title: fmt.Sprintf("Fetch 5 small files while somebody at %s connects to each data port first and %s", who, does),
			unit:  "transfer",
			run:   h.run,
		})
	}
	return all
}

// theft is one of the workloads of thieves. An empty from is the honest
// client's address.
type theft struct {
	from string
	tls  bool
}

func (h theft) run(ctx context.Context, l *load) (sample, error) {
	name, what, d, there, err := l.besieged(h.from)
	if err != nil {
		return nil, err
	}
	thief := &thief{dialer: there, ctx: ctx, what: what}
	if h.tls {
		c, err := there.login(ctx)
		if err != nil {
			return nil, err
		}
		defer c.close()
		thief.tls = c.tls
	}
	honest := crowd{dialer: d, steps: l.times(5), budget: budget}
	honest.step = func(c *client, _, _ int) error {
		c.announced = thief.lurk
		return c.fetch(name, what)
	}
	honest.after = thief.leave
	if err := honest.gather(ctx, 1); err != nil {
		return nil, err
	}
	defer honest.disperse()
	t := honest.run(ctx)
	s := t.sample()
	s[stolen] = float64(t.stolen + thief.loot)
	return s, ctx.Err()
}

// thief learns every data address at the same time as the client that it is
// meant for.
type thief struct {
	dialer *dialer
	ctx    context.Context
	what   content     // the file that it wants
	tls    *tls.Config // nil for a thief that sends nothing

	conn net.Conn // nil for none
	got  chan bool
	loot int // connections on which it has got any of the file
}

// lurk connects to a data address and returns, so that the client connects
// second.
func (h *thief) lurk(addr string) {
	conn, err := h.dialer.dial(h.ctx, addr, time.Now().Add(h.dialer.timeout))
	if err != nil {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(2 * h.dialer.timeout))
	spoken := make(chan struct{}, 1)
	h.conn, h.got = speaker{conn, spoken}, make(chan bool, 1)
	go func(conn net.Conn) { h.got <- h.listen(conn) }(h.conn)
	if h.tls != nil {
		<-spoken // the ClientHello is sent before the client connects
	}
}

// speaker is a connection that tells when it has written something.
type speaker struct {
	net.Conn
	spoken chan struct{}
}

func (s speaker) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	select {
	case s.spoken <- struct{}{}:
	default:
	}
	return n, err
}

// listen reports whether any bytes of the file have come.
func (h *thief) listen(conn net.Conn) bool {
	first := make([]byte, 16)
	if h.tls != nil {
		n, _ := tls.Client(conn, h.tls).Read(first)
		return n > 0
	}
	// Compares the bytes: what comes without TLS may be an alert.
	n, _ := io.ReadFull(conn, first)
	return n == len(first) && string(first) == string(h.what.at(0)[:n])
}

// leave closes the connection. It is called after the client's transfer, and
// first waits for what the server may have sent.
func (h *thief) leave() {
	if h.conn == nil {
		return
	}
	_ = h.conn.SetDeadline(time.Now().Add(settle))
	if <-h.got {
		h.loot++
	}
	h.conn.Close()
	h.conn = nil
}
