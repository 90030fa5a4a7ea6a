package probe

import (
	"net/netip"
)

// inClear looks, on a connection of its own, at what an explicit port says without TLS: whether it asks for a password
// there, and whether its PASV reply is another one than through TLS, where nobody can rewrite it.
func (r *run) inClear(like *control) {
	c, err := r.open(like, nil)
	if err != nil {
		r.fact(like.port, "not looked at in clear", "%s", why(err))
		return
	}
	defer c.close()
	o, _, err := c.ask("PASV")
	if err != nil {
		r.fact(c.port, "not looked at in clear", "after PASV: %s", why(err))
		return
	}
	if o.port != 0 {
		r.compare(c, o.addr)
	}
	in, err := r.clearLogin(c)
	if err == nil && in && o.port == 0 {
		if o, _, err = c.ask("PASV"); o.port != 0 {
			r.compare(c, o.addr)
		}
	}
	if err != nil {
		r.fact(c.port, "not looked at in clear", "after the login: %s", why(err))
		return
	}
	c.bye()
}

// clearLogin sends a name that is nobody's, and the login only where that was allowed.
func (r *run) clearLogin(c *control) (in bool, err error) {
	user := "sallyport-probe"
	login := r.InsecurePlaintext && r.User != "" && !r.refused
	if login {
		user = r.User
	}
	reply, err := c.try("USER %s", user)
	if err != nil || reply.Code != 331 && reply.Code/100 != 2 {
		return false, err
	}
	r.find(c.port, ClearLogin, "USER without TLS: %s", said(reply))
	if login && reply.Code == 331 {
		c.secret = r.Password
		if reply, err = c.try("PASS %s", r.Password); err != nil {
			return false, err
		}
	}
	return login && reply.Code/100 == 2, nil
}

// compare is about what clients are told in clear and through TLS. A server that names one address now and another
// then, as some with several do, differs from itself, and nobody rewrote anything.
func (r *run) compare(c *control, clear netip.Addr) {
	r.fact(c.port, "pasv in clear announces", "%v", clear)
	secure := r.modes.announced
	if !secure.IsValid() || secure == clear || r.modes.others || !c.steady(clear) {
		return
	}
	r.find(c.port, ALGPasv, "227 announces %v in clear and %v through TLS", clear, secure)
}

// askedMore is how often PASV is sent to see whether its address changes.
const askedMore = 4

// steady reports whether PASV goes on to announce an address, as far as it is answered; one answer at least is needed.
func (c *control) steady(addr netip.Addr) bool {
	for n := range askedMore {
		o, _, err := c.ask("PASV")
		if err != nil || o.port == 0 {
			return n > 0
		}
		if o.addr != addr {
			return false
		}
	}
	return true
}
