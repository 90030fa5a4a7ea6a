package ftptls

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/tls"
)

// HandshakeContext does the handshake, once; later calls return what it
// returned. When ctx ends first the connection is closed. Deadlines count too.
//
// HandshakeContext then judges a data connection by the policy given to
// [Session.Data]. If the error is ErrForeign, ErrNotResumed or
// ErrOtherCertificate, or wraps one of them, the connection has been closed; after
// any other error the caller closes it.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.established.Load() {
		return nil
	}
	c.handshake.Lock()
	defer c.handshake.Unlock()
	if c.judged {
		return c.failure
	}
	c.judged, c.failure = true, errCut
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.failure = explain(err, !c.in.some.Load())
		if c.kind != kindControl {
			c.failure = fmt.Errorf("TLS handshake: %w", c.failure)
		}
		return c.failure
	}
	state := c.tls.ConnectionState()
	if c.kind == kindControl {
		c.session.remember(state.PeerCertificates)
		c.failure = nil
		c.established.Store(true)
		return nil
	}
	c.out.gather.Store(true)
	c.in.ahead.Store(true)
	if c.failure = c.judge(state); c.failure != nil {
		c.shut()
		return c.failure
	}
	if state.DidResume && c.proof {
		c.resumed.Store(true)
		if c.offer != nil {
			c.session.layer.remember(c.offer.random)
		}
		c.session.learn(c.other, c.abroad, c.passedOver)
	}
	c.established.Store(true)
	return nil
}

// errCut is the error of every call after a panic of the caller's functions has
// cut the handshake: a second attempt would not be judged.
var errCut = errors.New("tls: the handshake was cut by a panic")

// judge applies the policy to a data connection. judge runs after the handshake
// and not as a part of it, so that the client sees an orderly end and reads the
// reason on its control connection.
func (c *Conn) judge(state tls.ConnectionState) error {
	switch {
	case !c.session.sameClient(state.PeerCertificates):
		return tls.ErrOtherCertificate
	case state.DidResume && c.proof || c.reuse == tls.Off:
		return nil
	case c.foreign():
		return tls.ErrForeign
	case c.reuse == tls.Require:
		return tls.ErrNotResumed
	}
	return nil
}

// foreign reports whether the ticket of somebody else's session was offered. The
// ticket of a session that has ended counts as none. Under Prefer, so does the
// ticket of a session that nobody owns yet or that has the same owner.
func (c *Conn) foreign() bool {
	owner, ok := c.session.layer.anywhere(c.offered)
	return ok && (c.reuse != tls.Prefer || owner != "" && owner != c.session.ownerName())
}

// ready does the handshake for a caller of Read or Write who did not.
func (c *Conn) ready() error {
	if c.established.Load() {
		return nil
	}
	return c.HandshakeContext(context.Background())
}
