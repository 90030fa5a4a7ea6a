package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// Limits of one [Probe.Run].
const (
	// MaxTime bounds a run, [Probe.Idle] not counted.
	MaxTime = 5 * time.Minute
	// MaxConnections bounds its connections, failed ones included, beside one to each data port that the server names.
	MaxConnections = 64
	// MaxAddresses is how many addresses of a name are looked at.
	MaxAddresses = 8
	// MaxPorts is how many control ports are looked at.
	MaxPorts = 4
	// MaxRequests bounds [Probe.Requests].
	MaxRequests = 100

	// DefaultTimeout is what [Probe.Timeout] is unless it is set: long enough for servers that look up the client's
	// name before they greet.
	DefaultTimeout = 10 * time.Second
	// DefaultRequests is what [Probe.Requests] is unless it is set.
	DefaultRequests = 10
)

// The usual control ports.
const (
	explicitPort = 21
	implicitPort = 990
)

// patience is how long the probe waits before it tries the other way round: a handshake where no greeting comes, a
// ClientHello where no 150 comes. A Timeout below three times of it shortens it.
const patience = 3 * time.Second

// Probe says what to look at and how. Only Host is needed. A Probe is not changed by Run and may be run any number of
// times, concurrently as well.
type Probe struct {
	// Host is the DNS name or IP address of the server.
	Host string
	// Ports are the control ports to look at, [MaxPorts] at most. Whether TLS is explicit or implicit there is found
	// out. None means 21 and 990, and one of the two is enough; ports that are named all have to answer.
	Ports []uint16
	// User and Password log in. An empty User means that nothing behind the login is looked at.
	User, Password string
	// ServerName is the name that the certificate has to be for. Empty means Host.
	ServerName string
	// RootCAs are the authorities that are trusted. Nil means those of the system.
	RootCAs *x509.CertPool
	// Timeout bounds each step: a connection, a handshake, a reply. 0 is DefaultTimeout.
	Timeout time.Duration
	// Requests is how many data ports are asked for in order to see their range. 0 is DefaultRequests. Each port that
	// is named is connected to once, to see whether it is open all the way.
	Requests int
	// Path is the directory that is listed and, with AllowWrite, written to. Empty is the one the login starts in.
	Path string
	// AllowWrite allows one upload: a file of 1,000 bytes with a name of its own, which is read back and deleted.
	AllowWrite bool
	// Idle, if positive, is how long the session is then left alone, to see whether something on the way forgets it.
	Idle time.Duration
	// InsecureUntrusted sends the password to a server whose certificate does not prove who it is. Anybody on the
	// way could be that server.
	InsecureUntrusted bool
	// InsecurePlaintext sends the password in clear for everybody on the way to read: to a server without TLS, and
	// once to a server with it, to see what equipment on the way changes in clear text.
	InsecurePlaintext bool
	// Dial opens a connection. Nil is that of [net.Dialer]. Addresses are IP addresses with a port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolver looks up Host; network is "ip", for both families. Nil is that of [net.DefaultResolver]. It is not
	// asked when Host is an address.
	Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// Trace, if set, is called with each line of the control connections as "C: ..." or "S: ...", passwords masked
	// and control characters escaped.
	Trace func(line string)
}

// run is one Run of a Probe.
type run struct {
	Probe  // a copy, defaults filled in
	ctx    context.Context
	report *Report
	addrs  []netip.Addr // of Host
	addr   netip.Addr   // the one looked at in depth
	conns  budget

	refused bool          // a login was refused, so none is tried again
	asked   bool          // the server wants a client certificate
	done    bool          // the data ports were looked at
	tickets *tickets      // of the control connection under way
	print   string        // fingerprint of the first certificate seen
	modes   modes         // what EPSV and PASV said
	knocks  knocks        // which data ports are open
	slow    time.Duration // how long the first listing took for its 150, 0 before that
	late    bool          // and whether it waited for the ClientHello

	controls []*control // all there were, to be closed at the end
}

// Run looks at the server. It returns when it is done or when ctx ends, never nil; a report cut short by ctx says so
// with the finding [Interrupted].
func (p *Probe) Run(ctx context.Context) *Report {
	ctx, cancel := context.WithTimeout(ctx, MaxTime+max(p.Idle, 0))
	defer cancel()
	r := &run{Probe: *p, ctx: ctx, conns: budget{left: MaxConnections}}
	r.defaults()
	r.report = &Report{Host: wire.Printable(r.Host), Started: time.Now().UTC()}
	if err := r.invalid(); err != nil {
		r.find(0, Invalid, "%v", err)
		return r.finish()
	}
	open := r.reach()
	for _, port := range open {
		if ctx.Err() != nil {
			break
		}
		r.examine(port)
	}
	for _, c := range r.controls {
		c.close()
	}
	if err := ctx.Err(); err != nil {
		r.find(0, Interrupted, "%v", err)
	} else if r.conns.ended() {
		r.find(0, Interrupted, "%v", errBudget)
	}
	return r.finish()
}

func (r *run) defaults() {
	r.Host = strings.Trim(strings.TrimSpace(r.Host), "[]")
	r.Timeout = cmp.Or(max(r.Timeout, 0), DefaultTimeout)
	r.Requests = min(cmp.Or(max(r.Requests, 0), DefaultRequests), MaxRequests)
	r.ServerName = cmp.Or(r.ServerName, strings.TrimSuffix(r.Host, "."))
	if r.Dial == nil {
		r.Dial = new(net.Dialer).DialContext
	}
	if r.Resolver == nil {
		r.Resolver = net.DefaultResolver.LookupNetIP
	}
	var ports []uint16
	for _, port := range r.Ports {
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	r.Ports = ports
}

// invalid says what cannot be sent or looked at.
func (r *run) invalid() error {
	switch {
	case r.Host == "":
		return fmt.Errorf("no host is given")
	case len(r.Ports) > MaxPorts:
		return fmt.Errorf("%d control ports are given; %d is the limit", len(r.Ports), MaxPorts)
	case slices.Contains(r.Ports, 0):
		return fmt.Errorf("0 is no port")
	}
	for _, s := range []string{r.User, r.Password, r.Path} {
		if strings.ContainsAny(s, "\r\n\x00") {
			return fmt.Errorf("user, password or path hold a line end, which FTP cannot carry")
		}
	}
	return nil
}

// patience returns the constant, unless Timeout is short.
func (r *run) patience() time.Duration { return min(patience, r.Timeout/3) }

// tlsConfig returns the configuration of every handshake. [run.certificate] judges the certificate, and crypto/tls does
// not: a bad certificate ends nothing but the login.
func (r *run) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: r.ServerName, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
