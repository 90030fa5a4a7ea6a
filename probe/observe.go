package probe

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
)

// modes is what EPSV and PASV have shown.
type modes struct {
	epsv, pasv bool       // whether each works
	announced  netip.Addr // the address in the first 227
	others     bool       // a later 227 announced another address
	ports      []uint16   // all ports that were named, in order
}

// offer is a data port that the server has named.
type offer struct {
	verb string
	addr netip.Addr // the address in a 227
	port uint16     // 0 if the server has named none
}

// observe asks for data ports, by EPSV and PASV in turn, and judges the replies. It returns the session to go on with,
// or nil. That is another session if EPSV hung.
func (r *run) observe(c *control) *control {
	r.modes = modes{epsv: true, pasv: r.addr.Is4()}
	refused := make(map[string]string)
	hung := false
	for i := 0; i < max(r.Requests, 2) && (r.modes.epsv || r.modes.pasv); i++ {
		verb := "PASV"
		if r.modes.epsv && (i%2 == 0 || !r.modes.pasv) {
			verb = "EPSV"
		}
		o, reply, err := c.ask(verb)
		if err == nil && reply.Code/100 == 4 { // 4yz says that the refusal is transient
			o, reply, err = c.ask(verb)
		}
		switch {
		case i == 0 && verb == "EPSV" && isTimeout(err) && !hung:
			hung = true
			if c = r.anew(c); c == nil {
				return nil
			}
			i--
		case i == 0 && verb == "EPSV" && isTimeout(err) && r.ctx.Err() == nil:
			r.find(c.port, EPSVHang, "EPSV was not answered within %v, in two sessions", r.Timeout)
			r.modes.epsv = false
			if c = r.anew(c); c == nil {
				return nil
			}
		case err != nil:
			c.lost(verb, err)
			return nil
		case o.port != 0:
			r.seen(c, o, reply)
			r.knock(o)
		case i > 1:
			r.fact(c.port, "data port requests", "%d, then %s: %s", i, verb, said(reply))
			i = r.Requests
		case verb == "EPSV":
			r.modes.epsv, refused[verb] = false, said(reply)
		default:
			r.modes.pasv, refused[verb] = false, said(reply)
		}
	}
	r.judgeModes(c, refused)
	r.judgePorts(c)
	r.judgeKnocks(c)
	return c
}

// ask sends EPSV or PASV and reads the reply. The offer has port 0 if the reply is a refusal or can't be understood.
func (c *control) ask(verb string) (offer, wire.Reply, error) {
	o := offer{verb: verb}
	reply, err := c.try("%s", verb)
	if err != nil {
		return o, reply, err
	}
	text := strings.Join(reply.Lines, "\n")
	switch reply.Code {
	case 229:
		if o.port, err = wire.ParseEPSVReply(text); err != nil {
			c.run.find(c.port, EPSVForm, "%s", said(reply))
		}
	case 227:
		at, err := wire.ParsePasvReply(text)
		if err != nil {
			c.run.find(c.port, PasvForm, "%s", said(reply))
			at, _ = wire.ParsePort(sixNumbers.FindString(text))
		}
		o.addr, o.port = at.Addr(), at.Port()
	}
	return o, reply, nil
}

// sixNumbers matches the address and port in a 227 as lenient clients do: RFC 1123, section 4.1.2.6.
var sixNumbers = regexp.MustCompile(`\d+(,\d+){5}`)

// seen notes an offer and judges its address.
func (r *run) seen(c *control, o offer, reply wire.Reply) {
	known := r.modes.announced
	if r.modes.note(o); o.verb != "PASV" {
		return
	}
	if !known.IsValid() {
		r.fact(c.port, "pasv announces", "%v", o.addr)
	}
	id := judgeAnnounced(o.addr, r.addr)
	r.find(c.port, id, "%s, while the server was dialled at %v", said(reply), r.addr)
}

// note notes a port that the server has named. Ports of transfers count, too: the firewalls must let all of them
// through.
func (m *modes) note(o offer) {
	if o.port == 0 {
		return
	}
	m.ports = append(m.ports, o.port)
	switch {
	case o.verb != "PASV":
	case !m.announced.IsValid():
		m.announced = o.addr
	case o.addr != m.announced:
		m.others = true
	}
}

// container is the default network of Docker's bridge.
var container = netip.MustParsePrefix("172.17.0.0/16")

// judgeAnnounced judges the address in a 227. A private address may be right if the client has dialled another private
// one: a client that reaches one may reach the other.
func judgeAnnounced(announced, dialled netip.Addr) ID {
	switch {
	case announced == dialled:
		return PassiveAddressOK
	case announced.IsUnspecified():
		return PasvUnspecified
	case announced.IsLoopback():
		return PasvLoopback
	case container.Contains(announced) && !container.Contains(dialled):
		return PasvContainer
	case passive.Private(announced) && (!passive.Private(dialled) || dialled.IsLoopback()):
		return PasvPrivate
	}
	return PasvOther
}

func (r *run) judgeModes(c *control, refused map[string]string) {
	epsv, pasv := refused["EPSV"], refused["PASV"]
	switch {
	case !r.modes.epsv && !r.modes.pasv:
		r.find(c.port, PassiveRefused, "EPSV: %s; PASV: %s", epsv, pasv)
	case epsv != "":
		r.find(c.port, EPSVRefused, "%s", epsv)
	case pasv != "":
		r.find(c.port, PasvRefused, "%s", pasv)
	}
}

// wide is the width of a range of ports that nobody has set on purpose.
const wide = 5000

func (r *run) judgePorts(c *control) {
	ports := r.modes.ports
	if len(ports) == 0 {
		return
	}
	low, high := slices.Min(ports), slices.Max(ports)
	r.fact(c.port, "data ports", "%d-%d in %d answers", low, high, len(ports))
	if high-low > wide {
		r.find(c.port, PortsWide, "ports from %d to %d in %d answers", low, high, len(ports))
	}
	steps := 0
	for i, port := range ports[1:] {
		if port == ports[i]+1 || port == low && ports[i] == high {
			steps++
		}
	}
	if steps >= 3 && steps == len(ports)-1 && high > low {
		r.find(c.port, PortsSequential, "%s", strings.Trim(fmt.Sprint(ports), "[]"))
	}
}
