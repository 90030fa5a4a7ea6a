package main

import "net"

// gatherConn wraps a connection for crypto/tls, which by itself makes a
// system call for each record of 16 KiB or less. It reads as much at once as
// its buffer holds and, if gather is set, writes as much at once.
type gatherConn struct {
	net.Conn

	in   []byte // memory for reading
	r, w int    // in[r:w] was read ahead

	// out is memory for writing; its length is how much waits to be sent. It
	// must be empty while gather is not set.
	out    []byte
	gather bool
}

func (g *gatherConn) Read(p []byte) (int, error) {
	if g.r == g.w {
		if len(p) >= len(g.in) {
			return g.Conn.Read(p)
		}
		n, err := g.Conn.Read(g.in)
		g.r, g.w = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, g.in[g.r:g.w])
	g.r += n
	return n, nil
}

func (g *gatherConn) Write(p []byte) (int, error) {
	if !g.gather || len(g.out) == 0 && len(p) >= cap(g.out) {
		return g.Conn.Write(p)
	}
	if len(g.out)+len(p) > cap(g.out) {
		if err := g.flush(); err != nil {
			return 0, err
		}
		return g.Write(p)
	}
	g.out = append(g.out, p...)
	return len(p), nil
}

// flush sends what waits in out.
func (g *gatherConn) flush() error {
	if len(g.out) == 0 {
		return nil
	}
	_, err := g.Conn.Write(g.out)
	g.out = g.out[:0]
	return err
}

// finish flushes and ends gathering. It has to be called before crypto/tls
// closes the connection in one direction or both: after close_notify nothing
// can be written.
func (g *gatherConn) finish() error {
	g.gather = false
	return g.flush()
}
