package probe

import (
	"errors"
	"io"
	"time"
)

// examine looks at one open control port: all that can be seen on the first where it can, and on others what may
// differ from it.
func (r *run) examine(port uint16) {
	c := r.greet(port)
	if c == nil {
		return
	}
	end := r.inside(c)
	if end != nil {
		end.bye()
	}
	c.close()
	if !c.heard || r.ctx.Err() != nil { // a failure would say nothing about versions then
		return
	}
	r.versions(c)
	if !c.implicit {
		r.inClear(c)
	}
}

// inside goes from the greeting as far as the server lets it. It returns the session that is left, nil if none is.
func (r *run) inside(c *control) *control {
	if !c.implicit && !r.startTLS(c) {
		return nil
	}
	if c.tls != nil && (!r.secured(c) || !r.protect(c, false)) {
		return nil
	}
	in, alive := r.login(c)
	switch {
	case !alive:
		return nil
	case !in || r.done:
		return c
	case c.tls != nil && !c.private && !r.protect(c, true):
		return nil
	}
	r.done = true
	if c = r.observe(c); c == nil {
		return nil
	}
	if c = r.data(c); c == nil {
		return nil
	}
	if r.AllowWrite {
		if c = r.upload(c); c == nil {
			return nil
		}
	}
	if r.Idle > 0 && !r.idle(c) {
		return nil
	}
	return c
}

// login says whether the user is in, and whether the session lives.
func (r *run) login(c *control) (in, alive bool) {
	switch {
	case r.User == "":
		r.find(c.port, LoginNotGiven, "no user was given")
		return false, true
	case r.refused:
		return false, true
	case c.tls == nil && !r.InsecurePlaintext:
		r.find(c.port, LoginWithheld, "there is no TLS to protect it")
		return false, true
	case c.tls != nil && !c.trusted && !r.InsecureUntrusted:
		r.find(c.port, LoginWithheld, "the certificate does not prove that this is %s", r.ServerName)
		return false, true
	}
	reply, alive := c.cmd("USER %s", r.User)
	if alive && (reply.Code == 331 || reply.Code == 332) {
		c.secret = r.Password
		reply, alive = c.cmd("PASS %s", r.Password)
	}
	switch {
	case !alive:
		r.refused = true // some servers hang up on a wrong password
		return false, false
	case reply.Code/100 != 2:
		r.refused = true
		r.find(c.port, LoginRefused, "%s", said(reply))
		return false, true
	}
	r.fact(c.port, "login", "%s", said(reply))
	return true, true
}

// again makes another session like one that is lost, up to and with the login.
func (r *run) again(like *control) *control {
	c, err := r.open(like, r.session())
	if err != nil {
		r.find(like.port, ControlLost, "connecting again: %s", why(err))
		return nil
	}
	if c.tls != nil {
		r.certificate(c) // it may be somebody else this time
	}
	if c.tls != nil && !r.protect(c, false) {
		c.close()
		return nil
	}
	if in, _ := r.login(c); !in || c.tls != nil && !c.private && !r.protect(c, true) {
		c.close()
		return nil
	}
	return c
}

// idleLook is how long the probe looks for what has come during the silence.
const idleLook = 10 * time.Millisecond

// idle leaves the session alone and looks whether it is still there.
func (r *run) idle(c *control) bool {
	wait := time.NewTimer(r.Idle)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.ctx.Done():
		return false
	}
	// What the server has sent meanwhile is looked at first: whoever writes to a connection that it has closed may
	// hear no more of that.
	_, err := c.read(idleLook)
	if err == nil || isTimeout(err) {
		_, err = c.try("NOOP")
	}
	var gone *errGone
	switch {
	case err == nil:
		r.find(c.port, IdleSurvived, "NOOP was answered after %v of silence", r.Idle)
		return true
	case errors.As(err, &gone):
		r.find(c.port, IdleClosed, "within %v of silence: %s", r.Idle, said(gone.reply))
	case c.raw.unfinished(), errors.Is(err, io.EOF):
		// A firewall that forgets a session drops packets or resets: it never ends one in order.
		r.find(c.port, IdleClosed, "within %v of silence the server closed the connection without a word", r.Idle)
	default:
		r.find(c.port, IdleCut, "after %v of silence: %s", r.Idle, why(err))
	}
	return false
}
