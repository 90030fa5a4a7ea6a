package ftpclient

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// DataTLS does the handshake on a data connection, in the client's way: with the session of the control connection if
// the cache holds one.
func (c *Client) DataTLS(conn net.Conn) (*tls.Conn, error) { return c.handshake(conn) }

// Open sends EPSV and a transfer command and returns the data connection after the 150, protected if PROT P is in
// force. The caller closes it and then calls Done.
func (c *Client) Open(line string) (net.Conn, error) {
	addr, err := c.EPSV()
	if err != nil {
		return nil, err
	}
	return c.OpenAt(addr, line)
}

// OpenAt does what Open does, at an address that the server has announced.
func (c *Client) OpenAt(addr, line string) (net.Conn, error) {
	conn, err := DialTCP(addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Cmd(150, line); err != nil {
		conn.Close()
		return nil, err
	}
	if !c.Private {
		return conn, nil
	}
	data, err := c.DataTLS(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return data, nil
}

// Done wants the reply that ends a transfer.
func (c *Client) Done() error {
	_, err := c.Expect(226)
	return err
}

// Get runs RETR, LIST, NLST or MLSD and returns what the server sent.
func (c *Client) Get(line string) (string, error) {
	data, err := c.Open(line)
	if err != nil {
		return "", err
	}
	defer data.Close()
	content, err := ReadAll(data)
	if err != nil {
		return content, err
	}
	data.Close()
	return content, c.Done()
}

// Put runs STOR or APPE.
func (c *Client) Put(line, content string) error {
	data, err := c.Open(line)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := io.WriteString(data, content); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	return c.Done()
}

// ReadAll reads a data connection to its end, and fails if that is not in order: under TLS only close_notify is.
func ReadAll(data net.Conn) (string, error) {
	data.SetReadDeadline(time.Now().Add(Patience))
	content, err := io.ReadAll(data)
	if err == nil && Truncated(data) {
		err = fmt.Errorf("a data connection without close_notify: %w", io.ErrUnexpectedEOF)
	}
	return string(content), err
}

// DialTCP dials a port of a server.
func DialTCP(addr string) (*TCPConn, error) {
	conn, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(Patience))
	return &TCPConn{TCPConn: conn.(*net.TCPConn)}, nil
}

// TCPConn remembers whether FIN was read. crypto/tls reports io.EOF for FIN and for close_notify alike, but stops
// reading at close_notify.
type TCPConn struct {
	*net.TCPConn
	fin  bool
	held *[]byte // when not nil, what is written waits here
}

func (c *TCPConn) Write(p []byte) (int, error) {
	if c.held != nil {
		*c.held = append(*c.held, p...)
		return len(p), nil
	}
	return c.TCPConn.Write(p)
}

func (c *TCPConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.fin = c.fin || err == io.EOF
	return n, err
}

// Truncated reports whether a connection under TLS that was read to its end has ended without close_notify; crypto/tls
// doesn't tell.
func Truncated(conn net.Conn) bool {
	sec, ok := conn.(*tls.Conn)
	if !ok {
		return false
	}
	tcp, ok := sec.NetConn().(*TCPConn)
	return ok && tcp.fin
}
