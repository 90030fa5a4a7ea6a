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
	// MaxTime bounds a run, besides [Probe.Idle].
	MaxTime = 5 * time.Minute
	// MaxConnections bounds the connections of a run, failed ones included, besides one to each data port that the
	// server names.
	MaxConnections = 64
	// MaxAddresses bounds the addresses of a name that are examined.
	MaxAddresses = 8
	// MaxPorts bounds the control ports that are examined.
	MaxPorts = 4
	// MaxRequests bounds [Probe.Requests].
	MaxRequests = 100

	// DefaultTimeout is the default of [Probe.Timeout]. It is long enough for servers that look up the client's name
	// before they send the greeting.
	DefaultTimeout = 10 * time.Second
	// DefaultRequests is the default of [Probe.Requests].
	DefaultRequests = 10
)

// The usual control ports.
const (
	explicitPort = 21
	implicitPort = 990
)

// patience is how long the probe waits before it tries another order: a handshake if no greeting comes, a ClientHello
// if no 150 comes. It is a third of Timeout if that is less.
const patience = 3 * time.Second

// Probe says what to examine and how. Only Host is required. Run doesn't change a Probe, and may be called any number
// of times, also concurrently.
type Probe struct {
	// Host is the DNS name or IP address of the server.
	Host string
	// Ports are the control ports to examine, [MaxPorts] at most. The probe finds out whether TLS is explicit or
	// implicit there. None means 21 and 990, one of which suffices; of ports that are named, all have to answer.
	Ports []uint16
	// User and Password log in. An empty User means that nothing behind the login is examined.
	User, Password string
	// ServerName is the name that the certificate has to be valid for. Empty means Host.
	ServerName string
	// RootCAs are the trusted authorities. Nil means those of the system.
	RootCAs *x509.CertPool
	// Timeout bounds each step: a connection, a handshake, a reply. 0 is DefaultTimeout.
	Timeout time.Duration
	// Requests is how many data ports are asked for to see their range. 0 is DefaultRequests. The probe connects once
	// to each port that the server names, to see whether it can be reached.
	Requests int
	// Path is the directory that is listed and, with AllowWrite, written to. Empty is the directory that the login
	// starts in.
	Path string
	// AllowWrite allows one upload: a file of 1,000 bytes with a name of its own, which is read back and deleted.
	AllowWrite bool
	// Idle, if positive, is how long the session is left alone at last, to see whether something on the way forgets it.
	Idle time.Duration
	// InsecureUntrusted sends the password to a server whose certificate does not prove its name. Anybody on the way
	// could be that server.
	InsecureUntrusted bool
	// InsecurePlaintext sends the password in clear, for everybody on the way to read: to a server without TLS, and
	// once to a server with TLS, to see what equipment on the way changes in clear text.
	InsecurePlaintext bool
	// Dial opens a connection to an IP address with a port. Nil uses [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolver looks up Host, unless Host is an address; network is "ip", for both families. Nil uses
	// [net.DefaultResolver].
	Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// Trace, if set, is called with each line of the control connections as "C: ..." or "S: ...", passwords masked
	// and control characters escaped.
	Trace func(line string)
}

// run is a call of Run.
type run struct {
	Probe  // a copy, defaults filled in
	ctx    context.Context
	report *Report
	addrs  []netip.Addr // the addresses of Host
	addr   netip.Addr   // the address that is examined in depth
	conns  budget

	refused bool          // a login was refused, so no other is tried
	asked   bool          // the server wants a client certificate
	done    bool          // the data ports were examined
	tickets *tickets      // the tickets of the current control connection
	print   string        // the fingerprint of the first certificate seen
	modes   modes         // what EPSV and PASV have shown
	knocks  knocks        // which data ports are open
	slow    time.Duration // how long the first listing's 150 took; 0 before it
	late    bool          // whether that 150 came only after the ClientHello

	controls []*control // all control connections, to be closed at the end
}

// Run examines the server. It returns when all is done or when ctx ends, and never nil. A report that ctx has cut short
// has the finding [Interrupted].
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

// invalid returns what is wrong with the Probe, nil if nothing is.
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

// tlsConfig returns the configuration of every handshake. It leaves the certificate to [run.certificate]: a bad
// certificate ends no handshake and only keeps the password from being sent.
func (r *run) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: r.ServerName, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
