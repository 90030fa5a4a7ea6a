package server

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/sallyport/sallyport/internal/wire"
)

// Wrap holds functions that stand between the clients and the server: where
// Hooks are told of what happened, these take part. They are for commands of
// your own, for refusing some, for limits on bandwidth, and for tests. Either
// may be nil. Sessions run at the same time, so they must be safe for
// concurrent use. One that panics ends its session.
type Wrap struct {
	// Command is called for each command, before the server looks at it, and
	// for the greeting, for which c.Line is empty. It calls run to have it done,
	// once or not at all, and returns what run returned or another reply. c has
	// no Code and no Duration yet. Replies with 1yz are sent by run; with 421
	// the session ends. Where run's reply promises more, as 234 does to AUTH, it
	// comes about only if a reply of the same hundred is returned. A transfer
	// is over when run returns; commands that are heard during one are handled
	// meanwhile. The context ends with the session.
	Command func(ctx context.Context, c Command, run func() Reply) Reply

	// Data is called when the data connection of a transfer is there and
	// protected, before any file is created; t says what is known by then.
	// What it returns, conn itself or something around it, is read from or
	// written to, and closed unless the connection is aborted; an error is
	// treated as one of the driver's. conn is a *tls.Conn or, in clear, a
	// connection with a method NetConn; what is around it keeps files from
	// being handed to the kernel (sendfile). It carries what crosses the
	// network, compressed with MODE Z. The context ends with ABOR and with the
	// session; Read and Write of conn fail then.
	Data func(ctx context.Context, t Transfer, conn net.Conn) (net.Conn, error)
}

// Reply is a reply of the control connection (RFC 959, section 4.2).
type Reply struct {
	// Code has three digits.
	Code int
	// Lines are the texts, without codes and line ends. None means one that is
	// empty.
	Lines []string
}

var errClosing421 = errors.New("server: a reply with 421 was given")

// wrapped has a command answered by Wrap.Command, or by run alone.
func (s *session) wrapped(cmd wire.Command, run func() wire.Reply) wire.Reply {
	w := s.srv.Wrap
	if w == nil || w.Command == nil {
		return run()
	}
	var ran wire.Reply
	c := Command{Session: s.info()}
	if cmd.Verb != "" {
		c.Line = cmd.Redacted()
	}
	r := w.Command(s.ctx, c, func() Reply {
		ran = run()
		return Reply{ran.Code, slices.Clone(ran.Lines)}
	})
	if r.Code/100 != ran.Code/100 {
		s.then = nil
	}
	if r.Code == 421 && s.ending == nil {
		s.ending = errClosing421
	}
	return wire.Multi(r.Code, r.Lines...)
}

// wrap gives the data connection to Wrap.Data.
func (c *dataConn) wrap(s *session, t *transfer) error {
	w := s.srv.Wrap
	if w == nil || w.Data == nil {
		return nil
	}
	var conn net.Conn = c.idle
	if c.tls != nil {
		conn = c.tls
	}
	info := t.report()
	info.Session = s.info()
	around, err := w.Data(t.ctx, info, conn)
	if err != nil {
		return err
	}
	if around != conn {
		c.ReadWriter, c.around = around, around
	}
	return nil
}

// NetConn returns the connection below.
func (c *idleConn) NetConn() net.Conn { return c.Conn }
