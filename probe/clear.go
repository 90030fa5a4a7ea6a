package probe

import (
	"net/netip"
)

// inClear examines, on a connection of its own, what an explicit port says without TLS: whether it asks for a
// password, and whether its PASV reply differs from the one through TLS, which nobody on the way can rewrite.
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

// clearLogin sends a user name that nobody has, or logs in if the probe may do so in clear.
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

// compare compares the address that PASV announces in clear with the one through TLS. It makes no finding if the
// server itself announces different addresses, as some servers with several addresses do: then nobody need have
// rewritten one.
func (r *run) compare(c *control, clear netip.Addr) {
	r.fact(c.port, "pasv in clear announces", "%v", clear)
	secure := r.modes.announced
	if !secure.IsValid() || secure == clear || r.modes.others || !c.steady(clear) {
		return
	}
	r.find(c.port, ALGPasv, "227 announces %v in clear and %v through TLS", clear, secure)
}

// askedMore is how often steady sends PASV.
const askedMore = 4

// steady reports whether further PASV replies announce the same address. At least one has to be understood.
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
