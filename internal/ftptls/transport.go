package ftptls

import (
	"net"
	"sync"
	"time"
)

// transport is the net.Conn that crypto/tls reads and writes.
type transport struct {
	conn net.Conn
	in   inbound
	out  outbound
	once sync.Once
	err  error // of the last flush, or of closing conn
}

func (t *transport) Read(p []byte) (int, error)  { return t.in.read(p) }
func (t *transport) Write(p []byte) (int, error) { return t.out.write(p) }
func (t *transport) LocalAddr() net.Addr         { return t.conn.LocalAddr() }
func (t *transport) RemoteAddr() net.Addr        { return t.conn.RemoteAddr() }

// crypto/tls calls Close when the caller of crypto/tls closes or a handshake's
// context ends.
func (t *transport) Close() error {
	t.once.Do(func() {
		t.err = t.out.finish()
		if err := t.conn.Close(); t.err == nil {
			t.err = err
		}
		t.out.close()
		t.in.close()
	})
	return t.err
}

// Conn sets deadlines on the connection itself. These methods are called by
// crypto/tls alone and do nothing: crypto/tls forbids writing once it has
// written close_notify, while close_notify may still be gathered here.

func (t *transport) SetDeadline(time.Time) error      { return nil }
func (t *transport) SetReadDeadline(time.Time) error  { return nil }
func (t *transport) SetWriteDeadline(time.Time) error { return nil }
