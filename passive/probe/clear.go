package probe

import (
	"net/netip"
)

// inClear looks, on a connection of its own, at what an explicit port says without TLS: whether it asks for a password
// there, and whether its PASV reply is another one than through TLS, where nobody can rewrite it.
func (r *run) inClear(like *control) {
	c, err := r.open(like, nil)
	if err != nil {
		return
	}
	defer c.close()
	o, _, err := c.ask("PASV")
	if err != nil {
		return
	}
	if o.port == 0 {
		var in bool
		if in, err = r.clearLogin(c); err != nil {
			return
		}
		if in {
			o, _, err = c.ask("PASV")
		}
	} else {
		_, err = r.clearLogin(c)
	}
	if o.port != 0 {
		r.compare(c.port, o.addr)
	}
	if err == nil {
		c.bye()
	}
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

// compare is about what clients are told in clear and through TLS.
func (r *run) compare(port uint16, clear netip.Addr) {
	r.fact(port, "pasv in clear announces", "%v", clear)
	if secure := r.modes.announced; secure.IsValid() && secure != clear {
		r.find(port, ALGPasv, "227 announces %v in clear and %v through TLS", clear, secure)
	}
}
