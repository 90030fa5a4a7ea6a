package proxyproto

import (
	"io"
	"net"
	"net/netip"
)

// Conn is a connection whose header has been read. Its methods are those of the
// connection below, but for the addresses.
type Conn struct {
	net.Conn
	origin origin
}

// RemoteAddr returns the client's address. For a connection that the balancer made
// for itself it is the balancer's.
func (c *Conn) RemoteAddr() net.Addr { return addr(c.origin.client, c.Conn.RemoteAddr) }

// DialledAddr returns what the client dialled, an address of the balancer's mostly:
// what clients can be told to connect to. LocalAddr is the address of this host
// that the balancer dialled: what can be listened on. Where the header does not
// say, both are the same.
func (c *Conn) DialledAddr() net.Addr { return addr(c.origin.dialled, c.Conn.LocalAddr) }

// NetConn returns the connection below, from which exactly the header has been
// read.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// ReadFrom lets the connection below use sendfile(2) and the like.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// SetLinger sets the lingering of the TCP connection below, if there is one.
func (c *Conn) SetLinger(sec int) error { return setLinger(c.Conn, sec) }

func addr(at netip.AddrPort, otherwise func() net.Addr) net.Addr {
	if !at.IsValid() || at.Addr().IsUnspecified() {
		return otherwise()
	}
	return net.TCPAddrFromAddrPort(at)
}

func setLinger(c net.Conn, sec int) error {
	if t, ok := c.(interface{ SetLinger(sec int) error }); ok {
		return t.SetLinger(sec)
	}
	return nil
}

// reset closes a connection without leaving it in TIME_WAIT: a storm of
// connections would leave many there.
func reset(c net.Conn) {
	_ = setLinger(c, 0)
	c.Close()
}

// replay is a connection of the balancer's own of which a byte was read.
type replay struct {
	net.Conn
	as   *Conn
	head []byte
}

func (r *replay) RemoteAddr() net.Addr  { return r.as.RemoteAddr() }
func (r *replay) DialledAddr() net.Addr { return r.as.DialledAddr() }

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}

// direct is a control connection from outside of the trusted networks. Read refuses
// a connection that begins with a header, as neither a command of FTP nor a record
// of TLS does.
type direct struct {
	net.Conn
	protocol *Protocol
	looked   bool
}

func (d *direct) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if d.looked || n == 0 {
		return n, err
	}
	d.looked = true
	if n >= len(startV1) && (agree(p[:n], startV1) || agree(p[:n], startV2)) {
		d.protocol.report(kindStranger, "a PROXY header comes from outside of the trusted networks", d.Conn)
		reset(d.Conn)
		return 0, net.ErrClosed
	}
	return n, err
}

// NetConn returns the connection below.
func (d *direct) NetConn() net.Conn { return d.Conn }

// ReadFrom and SetLinger do what those of Conn do.
func (d *direct) ReadFrom(r io.Reader) (int64, error) { return io.Copy(d.Conn, r) }
func (d *direct) SetLinger(sec int) error             { return setLinger(d.Conn, sec) }
