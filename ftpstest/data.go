package ftpstest

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// errCut is the error of a transfer that a fault has cut.
var errCut = errors.New("ftpstest: cut by a fault")

// data is server.Intercept.Data: it lets faults happen to data connections.
func (s *Server) data(ctx context.Context, t server.Transfer, conn net.Conn) (net.Conn, error) {
	sess := s.sessions.at(t.Session.Peer)
	strikes := sess.waiting()
	for _, f := range strikes {
		if f.Kind == Reuse && t.Protected && !t.Resumed {
			return nil, &driver.Error{Code: 522, Text: "The data connection must resume the TLS session of the control connection."}
		}
	}
	if len(strikes) == 0 {
		return conn, nil
	}
	return &faulty{Conn: conn, ctx: ctx, srv: s, session: sess, strikes: strikes}, nil
}

// faulty is a data connection that faults happen to. Bytes are counted in the
// one direction that a transfer has.
type faulty struct {
	net.Conn
	ctx     context.Context
	srv     *Server
	session *session
	strikes []*strike
	n       int64 // bytes so far
	deaf    bool  // the rest of a download goes nowhere
	linger  bool  // the client is still sending what nobody wants
	err     error // what all further calls return
}

// NetConn returns the connection below.
func (c *faulty) NetConn() net.Conn { return c.Conn }

func (c *faulty) Write(p []byte) (n int, err error) {
	for {
		if err := c.strike(false); err != nil {
			return n, err
		}
		if c.deaf {
			return len(p), nil
		}
		if n == len(p) {
			return n, nil
		}
		size, rate := c.step(len(p) - n)
		m, err := c.Conn.Write(p[n : n+size])
		n, c.n = n+m, c.n+int64(m)
		if err == nil && rate > 0 {
			if err = c.flush(); err == nil {
				err = c.sleep(m, rate)
			}
		}
		if err != nil {
			return n, err
		}
	}
}

func (c *faulty) Read(p []byte) (int, error) {
	if err := c.strike(true); err != nil {
		return 0, err
	}
	size, rate := c.step(len(p))
	n, err := c.Conn.Read(p[:size])
	c.n += int64(n)
	if n > 0 && rate > 0 {
		if late := c.sleep(n, rate); late != nil {
			err = late
		}
	}
	if err == nil {
		// The fault happens at once, and not when the server asks for more,
		// which may be never.
		if err = c.strike(true); err == io.EOF {
			c.err, err = err, nil
		}
	}
	return n, err
}

// sudden holds the kinds of faults that happen once, after Fault.After bytes.
var sudden = []Kind{Cut, Stall, Drop}

// step returns how much of n bytes may go before something happens, and how many
// bytes may go in a second, 0 for any number.
func (c *faulty) step(n int) (size int, rate int64) {
	left := int64(n)
	for _, f := range c.strikes {
		switch {
		case f.done || f.over():
		case f.Kind == Slow && (rate == 0 || f.rate() < rate):
			rate = f.rate()
		case slices.Contains(sudden, f.Kind) && f.After > c.n:
			left = min(left, f.After-c.n)
		}
	}
	if rate > 0 {
		// Twenty steps a second are smooth, and few.
		left = min(left, max(rate/20, 1))
	}
	return int(left), rate
}

// rate returns Rate or its default.
func (f *strike) rate() int64 {
	if f.Rate == 0 {
		return 1000
	}
	return f.Rate
}

// strike makes the faults happen that are due.
func (c *faulty) strike(upload bool) error {
	if c.err != nil {
		return c.err
	}
	for _, f := range c.strikes {
		if f.done || c.n < f.After || f.over() {
			continue
		}
		switch f.Kind {
		case Stall:
			f.done = true
			if c.err = c.flush(); c.err == nil {
				c.err = f.wait(c.ctx)
			}
		case Cut:
			f.done = true
			c.session.cut(f, c.n)
			c.err = c.cut(f, upload)
		case Drop:
			f.done = true
			c.flush()
			hangUp(c.session.conn, f.how())
			hangUp(tcp.Below(c.Conn), "rst")
			c.err = errCut
		}
		if c.err != nil || c.deaf {
			return c.err
		}
	}
	return nil
}

// cut ends the connection early. What cut returns is what the server's Read or
// Write returns.
func (c *faulty) cut(f *strike, upload bool) error {
	if err := c.flush(); err != nil {
		return err
	}
	// If the final reply is to claim success, the server must take what has come
	// of an upload for the whole.
	end := errCut
	if f.code() < 400 {
		end = io.EOF
	}
	t := tcp.Below(c.Conn)
	switch how := f.how(); {
	case how == "rst":
		hangUp(t, "rst")
	case how == "fin" && t != nil:
		t.CloseWrite()
	case how == "clean" && upload:
		if conn, ok := c.Conn.(tls.Conn); ok {
			conn.CloseWrite()
		}
	}
	switch {
	case !upload && f.how() == "rst":
		return errCut
	case !upload:
		// The server goes on: an error now would make the server reset the
		// connection, and the client might not see what comes before the reset.
		c.deaf = true
		return nil
	case f.how() != "rst":
		c.linger = true
	}
	return end
}

// flush sends what TLS gathers.
func (c *faulty) flush() error {
	if f, ok := c.Conn.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

// Close ends the connection, with close_notify unless a fault forbids it.
func (c *faulty) Close() error {
	if c.linger {
		// To close the connection with bytes unread would reset it.
		c.srv.drain(c.Conn)
		return nil
	}
	if err := c.strike(false); err != nil {
		c.Conn.Close()
		return err
	}
	if c.deaf {
		c.Conn.Close()
		return nil
	}
	for _, f := range c.strikes {
		if f.Kind == NoNotify && !f.over() {
			return c.closeUnsaid(f.how())
		}
	}
	return c.Conn.Close()
}

// closeUnsaid ends the connection without close_notify.
func (c *faulty) closeUnsaid(how string) error {
	if err := c.flush(); err != nil {
		return err
	}
	if t := tcp.Below(c.Conn); t != nil {
		if how == "rst" {
			hangUp(t, how)
		} else {
			t.CloseWrite()
		}
	}
	c.Conn.Close() // the close_notify it sends goes nowhere
	return nil
}

// sleep waits as long as n bytes take at a rate.
func (c *faulty) sleep(n int, rate int64) error {
	t := time.NewTimer(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// drain reads until the client closes, and closes then.
func (s *Server) drain(conn net.Conn) {
	s.background.Go(func() {
		stop := context.AfterFunc(s.life, func() { hangUp(tcp.Below(conn), "rst") })
		defer stop()
		if t := tcp.Below(conn); t != nil {
			t.SetReadDeadline(time.Time{})
			io.Copy(io.Discard, t)
		}
		conn.Close()
	})
}
