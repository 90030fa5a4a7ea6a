package ftptls

import "io"

// Attend deals with what the client sent on a data connection that the server
// only writes to: a KeyUpdate is answered, before the next record goes out (RFC
// 8446, section 4.6.3), and data is dropped. Attend never waits, but reads only
// while waits says that the connection below has input or has ended. The
// goroutine that writes calls it, after the handshake.
//
// The client may end its side early, by close_notify or FIN; Attend then does
// nothing more. Its error means that nothing can be written any more: the client
// broke the protocol, or sent more than 16 KeyUpdates without data in between,
// which is all that crypto/tls takes.
func (c *Conn) Attend(waits func() bool) error {
	if c.in.ended || !c.established.Load() {
		return nil
	}
	// crypto/tls may have read more along with the end of the handshake.
	if c.in.attended && !c.in.waiting() && !waits() {
		return nil
	}
	c.in.attended = true
	c.in.dry, c.in.waits = true, waits
	defer func() { c.in.dry, c.in.waits = false, nil }()
	var scrap [512]byte
	for range attendMost {
		switch _, err := c.tls.Read(scrap[:]); err {
		case nil:
		case errDry:
			return nil
		case io.EOF:
			c.in.ended = true
			return nil
		default:
			return err
		}
	}
	return nil
}

// attendMost bounds what Attend reads, so that a client which sends without end
// does not keep the server from sending.
const attendMost = 512
