package main

import (
	"net"
	"sync"
)

// datagrams sends each write as one datagram to a Unix socket, such as that of systemd's journal or of syslog. It
// connects when it is first needed, and anew after whoever listens was restarted. It may be used concurrently.
type datagrams struct {
	path string
	mu   sync.Mutex
	conn net.Conn // nil for none yet
}

// connect connects to the socket.
func (d *datagrams) connect() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dial()
}

// dial connects anew. The caller holds mu.
func (d *datagrams) dial() error {
	conn, err := net.Dial("unixgram", d.path)
	if err != nil {
		return err
	}
	if d.conn != nil {
		d.conn.Close()
	}
	d.conn = conn
	return nil
}

// Write sends a datagram.
func (d *datagrams) Write(text []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		if n, err := d.conn.Write(text); err == nil {
			return n, nil
		}
	}
	if err := d.dial(); err != nil {
		return 0, err
	}
	return d.conn.Write(text)
}

// Close ends the connection.
func (d *datagrams) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		return nil
	}
	return d.conn.Close()
}
