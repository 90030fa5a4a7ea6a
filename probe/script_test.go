package probe

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// stage holds what a scripted case may change before the probe runs.
type stage struct {
	*world
	fake  *fake // the server at port 21 of there
	probe *Probe
}

// perform runs the probe in faked time.
func perform(t *testing.T, change func(*stage)) (*Report, *world) {
	t.Helper()
	var report *Report
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = &world{control: make(map[netip.AddrPort]*fake), dead: make(map[netip.AddrPort]bool)}
		s := &stage{world: w, fake: &fake{world: w, tls: good(nil)}}
		w.control[netip.AddrPortFrom(there, 21)] = s.fake
		s.probe = &Probe{
			Host: "ftp.example.com", User: "alice", Password: "secret", RootCAs: pool(root()), Dial: w.dial,
			Resolver: func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{there}, nil },
			Trace:    func(line string) { t.Log(line) },
		}
		if change != nil {
			change(s)
		}
		report = s.probe.Run(t.Context())
	})
	t.Log("\n" + report.String())
	return report, w
}

// on returns a fake.reply that answers one verb with a text, in clear and through TLS.
func on(verb, text string) func(*fakeSession, string, string) string {
	return func(_ *fakeSession, v, _ string) string {
		if v == verb {
			return text
		}
		return ""
	}
}

// first returns a fake.reply that answers the first command of a verb in clear with a text.
func first(verb, text string) func(*fakeSession, string, string) string {
	f := once(1, verb, text)
	return func(s *fakeSession, v, arg string) string {
		if s.secure {
			return ""
		}
		return f(s, v, arg)
	}
}

// once returns a fake.reply that answers the nth command of a verb with a text, and leaves all others to the fake.
func once(n int, verb, text string) func(*fakeSession, string, string) string {
	return func(_ *fakeSession, v, _ string) string {
		if v != verb {
			return ""
		}
		if n--; n == 0 {
			return text
		}
		return ""
	}
}

func inClear(verb, text string) func(*fakeSession, string, string) string {
	return func(s *fakeSession, v, _ string) string {
		if v == verb && !s.secure {
			return text
		}
		return ""
	}
}

// inTurn returns a fake.reply that announces one address after the other, in clear as well. If inStep is set, TLS
// shows only the first address.
func inTurn(inStep bool, addresses ...string) func(*fakeSession, string, string) string {
	n := 0
	return func(s *fakeSession, verb, _ string) string {
		if verb != "PASV" {
			return ""
		}
		s.address = addresses[n%len(addresses)]
		if !inStep || !s.secure {
			n++
		}
		if s.secure {
			return ""
		}
		return "227 Passive (" + addresses[n%len(addresses)] + ",82,8)"
	}
}

func (s *stage) implicit(port uint16, cfg *tls.Config) *fake {
	f := &fake{world: s.world, tls: cfg, implicit: true}
	s.control[netip.AddrPortFrom(there, port)] = f
	return f
}

func (s *stage) without21() { delete(s.control, netip.AddrPortFrom(there, 21)) }

// within gives the server an address in the private network of the probe.
func (s *stage) within(text string) {
	addr := netip.MustParseAddr(text)
	s.without21()
	s.hosts = []netip.Addr{addr}
	s.control[netip.AddrPortFrom(addr, 21)] = s.fake
	s.probe.Resolver = func(context.Context, string, string) ([]netip.Addr, error) { return s.hosts, nil }
}

func (s *stage) address(text string) { s.fake.address = text }

// scripted has a case for each kind of finding. A case wants exactly its findings, fails and warnings first; findings
// that are ok need not be listed.
var scripted = []struct {
	name   string
	want   []ID
	change func(*stage)
}{
	{"good", []ID{ExplicitWorks, CertTrusted, PassiveAddressOK, DataWorks}, nil},
	{"no host", []ID{Invalid}, func(s *stage) { s.probe.Host = "" }},
	{"line end in a password", []ID{Invalid}, func(s *stage) { s.probe.Password = "x\r\nDELE y" }},
	{"no such name", []ID{DNSFailed}, func(s *stage) {
		s.probe.Resolver = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
	}},
	{"second address dead", []ID{AddressDead}, func(s *stage) {
		s.dead[netip.AddrPortFrom(other, 21)] = true
		s.probe.Resolver = func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{other, there}, nil }
	}},
	{"nothing listens", []ID{ControlRefused}, func(s *stage) { s.without21() }},
	{"nothing answers", []ID{ControlFiltered}, func(s *stage) {
		s.dead[netip.AddrPortFrom(there, 21)], s.dead[netip.AddrPortFrom(there, 990)] = true, true
	}},
	{"the network is odd", []ID{ControlError}, func(s *stage) {
		s.probe.Dial = func(context.Context, string, string) (c net.Conn, err error) { return nil, errors.New("odd") }
	}},
	{"crash at FEAT", []ID{ControlLost}, func(s *stage) { s.fake.reply = on("FEAT", cut) }},
	{"crash inside TLS", []ID{ControlLost}, func(s *stage) {
		s.fake.reply = func(f *fakeSession, verb, _ string) string {
			if verb != "USER" || !f.secure {
				return ""
			}
			f.conn.(*tls.Conn).NetConn().Write([]byte("500 OOPS: no such directory\r\n"))
			return cut
		}
	}},
	{"no greeting", []ID{GreetingNone}, func(s *stage) { s.fake.greeting = silence }},
	{"too many users", []ID{GreetingRefused}, func(s *stage) { s.fake.greeting = "421 Too many users." }},
	{"late greeting", []ID{GreetingLate}, func(s *stage) { s.fake.delay = 8 * time.Second }},
	{"ssh", []ID{NotFTP}, func(s *stage) { s.fake.greeting = "SSH-2.0-OpenSSH_9.2" }},
	{"smtp", []ID{NotFTP}, func(s *stage) { s.fake.greeting = "220 mail ESMTP" }},
	{"implicit port in clear", []ID{ImplicitClear}, func(s *stage) {
		s.without21()
		s.control[netip.AddrPortFrom(there, 990)] = s.fake
	}},
	{"implicit without greeting", []ID{ControlLost}, func(s *stage) { s.without21(); s.implicit(990, good(nil)).greeting = silence }},
	{"implicit, client certificate needed", []ID{ClientCert, ControlLost}, func(s *stage) {
		s.without21()
		s.implicit(990, good(nil)).tls.ClientAuth = tls.RequireAnyClientCert
	}},
	{"implicit port in clear, gone afterwards", []ID{ImplicitClear, ControlLost}, func(s *stage) {
		s.without21()
		at := netip.AddrPortFrom(there, 990)
		s.control[at] = s.fake
		n := 0
		s.probe.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == at.String() {
				n++
			}
			if n > 2 {
				return nil, errors.New("odd")
			}
			return s.dial(ctx, network, address)
		}
	}},
	{"implicit on 21", []ID{ImplicitOnClear, ImplicitWorks, DataWorks}, func(s *stage) { s.implicit(21, good(nil)) }},
	{"implicit only", []ID{ImplicitWorks, DataWorks}, func(s *stage) { s.without21(); s.implicit(990, good(nil)) }},
	{"implicit elsewhere", []ID{ImplicitWorks, DataWorks}, func(s *stage) {
		s.implicit(2990, good(nil))
		s.probe.Ports = []uint16{2990}
	}},
	{"masked greeting", []ID{ALGBanner}, func(s *stage) { s.fake.greeting = "220 *******************" }},
	{"AUTH taken out of FEAT", []ID{ALGFeat}, func(s *stage) { s.fake.reply = inClear("FEAT", "211-Features\n EPSV\n211 End") }},
	{"AUTH offered and refused", []ID{ALGAuth, LoginWithheld}, func(s *stage) { s.fake.reply = on("AUTH", "500 Unknown.") }},
	{"AUTH garbled", []ID{ALGAuth, LoginWithheld}, func(s *stage) {
		s.fake.tls, s.fake.reply = nil, on("AUTH", "500 'XXXX XXX' not understood.")
	}},
	{"AUTH cut", []ID{AuthCut}, func(s *stage) { s.fake.reply = on("AUTH", cut) }},
	{"AUTH cut once", []ID{ControlLost}, func(s *stage) { s.fake.reply = once(1, "AUTH", cut) }},
	{"AUTH and no time", []ID{ControlLost}, func(s *stage) { s.fake.reply = on("AUTH", "421 Shutting down.") }},
	{"handshake cut once", []ID{HandshakeFailed}, func(s *stage) {
		cfg, n := s.fake.tls, 0
		cfg.MinVersion = tls.VersionTLS10
		cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if n++; n == 1 {
				return nil, errors.New("not now")
			}
			return nil, nil
		}
	}},
	{"AUTH unanswered", []ID{AuthCut}, func(s *stage) { s.fake.reply = on("AUTH", silence) }},
	{"227 rewritten in clear", []ID{PasvPrivate, ALGPasv, DataWorks}, func(s *stage) {
		s.fake.reply = inClear("PASV", "227 Passive (203,0,113,10,82,8)")
		s.address("10,0,0,5")
	}},
	{"227 rewritten after a login in clear", []ID{PasvPrivate, ALGPasv, ClearLogin, DataWorks}, func(s *stage) {
		s.probe.InsecurePlaintext = true
		s.fake.reply = func(f *fakeSession, verb, _ string) string {
			switch {
			case f.secure:
			case verb == "USER":
				return "331 Password?"
			case verb == "PASV" && f.logged:
				return "227 Passive (203,0,113,10,82,8)"
			}
			return ""
		}
		s.address("10,0,0,5")
	}},
	{"another address once in clear", []ID{PasvPrivate, DataWorks}, func(s *stage) {
		s.fake.reply = first("PASV", "227 Passive (203,0,113,10,82,8)")
		s.address("10,0,0,5")
	}},
	{"two private addresses in turn", []ID{PasvPrivate, DataWorks}, func(s *stage) {
		s.fake.reply = inTurn(false, "10,0,0,5", "10,0,0,6")
	}},
	// Every second request is EPSV, so through TLS only one of the addresses is seen.
	{"two private addresses in step with EPSV", []ID{PasvPrivate, DataWorks}, func(s *stage) {
		s.fake.reply = inTurn(true, "10,0,0,5", "10,0,0,6")
	}},
	{"password asked for in clear", []ID{ClearLogin, DataWorks}, func(s *stage) { s.fake.reply = inClear("USER", "331 Password?") }},
	{"forgotten by a firewall", []ID{IdleCut, DataWorks}, func(s *stage) { s.probe.Idle, s.fake.forget = time.Hour, time.Minute }},
	{"idle time-out", []ID{IdleClosed, DataWorks}, func(s *stage) { s.probe.Idle, s.fake.say421 = time.Hour, time.Minute }},
	{"idle session closed without a word", []ID{IdleClosed, DataWorks}, func(s *stage) { s.probe.Idle, s.fake.hangUp = time.Hour, time.Minute }},
	{"idle and alive", []ID{IdleSurvived, DataWorks}, func(s *stage) { s.probe.Idle = time.Hour }},
	{"wrong password", []ID{LoginRefused}, func(s *stage) { s.fake.reply = on("PASS", "530 No.") }},
	{"no TLS, no password", []ID{AuthRefused, LoginWithheld}, func(s *stage) { s.fake.tls = nil }},
	{"no TLS, login in clear allowed", []ID{AuthRefused, DataWorks}, func(s *stage) { s.fake.tls, s.probe.InsecurePlaintext = nil, true }},
	{"no login", []ID{LoginNotGiven}, func(s *stage) { s.probe.User = "" }},
	{"no FEAT", []ID{FeatMissing, DataWorks}, func(s *stage) { s.fake.reply = on("FEAT", "502 What?") }},
	{"FEAT after login", []ID{FeatAfterLogin, DataWorks}, func(s *stage) { s.fake.reply = on("FEAT", "530 Log in.") }},

	{"only AUTH SSL", []ID{AuthSSLOnly, DataWorks}, func(s *stage) {
		s.fake.reply = func(_ *fakeSession, verb, arg string) string {
			if verb == "AUTH" && arg == "TLS" {
				return "504 What?"
			}
			return ""
		}
	}},
	{"no common TLS", []ID{HandshakeFailed}, func(s *stage) {
		s.fake.tls.MaxVersion, s.fake.tls.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	}},
	{"client certificate needed", []ID{ClientCert, ControlLost}, func(s *stage) { s.fake.tls.ClientAuth = tls.RequireAnyClientCert }},
	{"TLS 1.1 at most", []ID{TLSOnlyOld}, func(s *stage) { s.fake.tls.MinVersion, s.fake.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
	{"TLS 1.0 as well", []ID{TLSOld, DataWorks}, func(s *stage) { s.fake.tls.MinVersion = tls.VersionTLS10 }},
	{"TLS 1.2 at most", []ID{TLSNo13, DataWorks}, func(s *stage) { s.fake.tls.MaxVersion = tls.VersionTLS12 }},
	{"TLS 1.3 at least", []ID{TLSNo12, DataWorks}, func(s *stage) { s.fake.tls.MinVersion = tls.VersionTLS13 }},
	{"weak cipher", []ID{TLSWeakCipher, DataWorks}, func(s *stage) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		s.fake.tls = config(issue(root(), key, nil))
		s.fake.tls.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	}},
	{"PROT after login", []ID{ProtLate, DataWorks}, func(s *stage) {
		s.fake.reply = func(f *fakeSession, verb, _ string) string {
			if verb == "PROT" && !f.logged {
				return "503 Log in."
			}
			return ""
		}
	}},
	{"PROT refused", []ID{ProtRefused, ProtLate, DataWorks}, func(s *stage) { s.fake.reply = on("PROT", "536 No.") }},
	{"PBSZ 220", []ID{ProtOddCode, DataWorks}, func(s *stage) { s.fake.reply = on("PBSZ", "220 Fine.") }},

	{"expired", []ID{CertExpired, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.NotAfter = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) })
	}},
	{"not yet valid", []ID{CertNotYet, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) })
	}},
	{"ends soon", []ID{CertExpiresSoon, DataWorks}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.NotAfter = time.Date(2000, 1, 5, 0, 0, 0, 0, time.UTC) })
	}},
	{"other name", []ID{CertName, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.DNSNames = []string{"ftp.example.org"} })
	}},
	{"name in CN", []ID{CertCommonName, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses, c.Subject.CommonName = nil, nil, "ftp.example.com"
		})
	}},
	{"self-signed", []ID{CertSelfSigned, LoginWithheld}, func(s *stage) { s.fake.tls = config(issue(nil, newKey(), nil)) }},
	{"self-signed, allowed", []ID{CertSelfSigned, DataWorks}, func(s *stage) {
		s.fake.tls, s.probe.InsecureUntrusted = config(issue(nil, newKey(), nil)), true
	}},
	{"chain incomplete", []ID{CertIncomplete, LoginWithheld}, func(s *stage) {
		s.fake.tls = config(issue(authority(root(), "middle"), newKey(), func(c *x509.Certificate) {
			c.IssuingCertificateURL = []string{"http://ca.example.com/middle.der"}
		}))
	}},
	{"chain complete", []ID{CertTrusted, DataWorks}, func(s *stage) {
		middle := authority(root(), "middle")
		s.fake.tls = config(issue(middle, newKey(), nil), middle)
	}},
	{"unknown authority", []ID{CertUntrusted, LoginWithheld}, func(s *stage) {
		s.fake.tls = config(issue(authority(nil, "somebody"), newKey(), nil))
	}},
	{"a client's certificate", []ID{CertInvalid, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	}},
	{"short key", []ID{CertWeakKey, DataWorks}, func(s *stage) {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			panic(err)
		}
		s.fake.tls = config(issue(root(), key, nil))
	}},
	{"SHA-1", []ID{CertWeakSignature, LoginWithheld}, func(s *stage) {
		s.fake.tls = good(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	}},
	{"two certificates", []ID{CertDiffers, DataWorks}, func(s *stage) { s.implicit(990, good(nil)) }},

	{"EPSV refused", []ID{EPSVRefused, DataWorks}, func(s *stage) { s.fake.reply = on("EPSV", "502 No.") }},
	{"EPSV unanswered", []ID{EPSVHang, DataWorks}, func(s *stage) { s.fake.reply = on("EPSV", silence) }},
	{"one EPSV unanswered", []ID{DataWorks}, func(s *stage) { s.fake.reply = once(1, "EPSV", silence) }},
	{"no port free for one EPSV", []ID{DataWorks}, func(s *stage) { s.fake.reply = once(1, "EPSV", "425 Not now.") }},
	{"no port free for one PASV", []ID{DataWorks}, func(s *stage) { s.fake.reply = once(1, "PASV", "425 Not now.") }},
	{"EPSV without port", []ID{EPSVForm, EPSVRefused, DataWorks}, func(s *stage) { s.fake.reply = on("EPSV", "229 Here.") }},
	{"PASV refused", []ID{PasvRefused, DataWorks}, func(s *stage) { s.fake.reply = on("PASV", "502 No.") }},
	{"PASV without parentheses", []ID{PasvForm, DataWorks}, func(s *stage) {
		s.fake.reply = func(f *fakeSession, verb, _ string) string {
			if verb != "PASV" || !f.secure {
				return ""
			}
			f.ready = f.world.offer(21000)
			return "227 Passive 203,0,113,10,82,8"
		}
	}},
	{"no passive mode", []ID{PassiveRefused}, func(s *stage) {
		s.fake.reply = func(_ *fakeSession, verb, _ string) string {
			if verb == "PASV" || verb == "EPSV" {
				return "502 No."
			}
			return ""
		}
	}},
	{"0.0.0.0", []ID{PasvUnspecified, DataWorks}, func(s *stage) { s.address("0,0,0,0") }},
	{"127.0.0.1", []ID{PasvLoopback, DataWorks}, func(s *stage) { s.address("127,0,0,1") }},
	{"172.17.0.2", []ID{PasvContainer, DataWorks}, func(s *stage) { s.address("172,17,0,2") }},
	{"two addresses of one private network", []ID{PasvOther, DataWorks}, func(s *stage) { s.within("10.1.0.5"); s.address("10,2,0,9") }},
	{"a private address and a container's", []ID{PasvContainer, DataWorks}, func(s *stage) { s.within("10.1.0.5"); s.address("172,17,0,2") }},
	{"two containers", []ID{PasvOther, DataWorks}, func(s *stage) { s.within("172.17.0.3"); s.address("172,17,0,2") }},
	{"192.168.1.5", []ID{PasvPrivate, DataWorks}, func(s *stage) { s.address("192,168,1,5") }},
	{"100.64.0.1", []ID{PasvPrivate, DataWorks}, func(s *stage) { s.address("100,64,0,1") }},
	{"other address", []ID{PasvOther, DataWorks}, func(s *stage) { s.address("203,0,113,99") }},
	{"ports one by one", []ID{PortsSequential, DataWorks}, func(s *stage) {
		for port := uint16(21000); port < 21100; port++ {
			s.fake.ports = append(s.fake.ports, port)
		}
	}},
	{"any port", []ID{PortsWide, DataWorks}, func(s *stage) { s.fake.ports = []uint16{33000, 58123, 41234, 60999, 40123} }},
	{"half of the range refused", []ID{PortsDead, DataWorks}, func(s *stage) { s.shut = map[uint16]bool{21000: true, 21001: true, 21005: true} }},
	{"half of the range filtered", []ID{PortsDead, DataWorks}, func(s *stage) { s.dropped = map[uint16]bool{21003: true, 21007: true, 21010: true} }},
	{"one port of the range open", []ID{PortsDead, DataWorks}, func(s *stage) {
		s.shut = map[uint16]bool{21000: true, 21001: true, 21003: true}
		s.dropped = map[uint16]bool{21005: true, 21010: true}
	}},
	{"no data connection after the first listing", []ID{PortsDead}, func(s *stage) { s.opens = 7 }},
	{"none for the upload", []ID{PortsDead, DataWorks}, func(s *stage) { s.opens, s.probe.AllowWrite = 9, true }},
	{"none to read the upload back", []ID{PortsDead, DataWorks}, func(s *stage) { s.opens, s.probe.AllowWrite = 10, true }},
	{"data refused", []ID{DataRefused}, func(s *stage) { s.closed = true }},
	{"data filtered", []ID{DataFiltered}, func(s *stage) { s.silent = true }},
	{"data odd", []ID{DataError}, func(s *stage) {
		s.probe.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if netip.MustParseAddrPort(address).Port() > 1024 {
				return nil, errors.New("odd")
			}
			return s.dial(ctx, network, address)
		}
	}},
	{"data swallowed", []ID{DataCut}, func(s *stage) { s.fake.deafData = true }},
	{"data in clear", []ID{DataTLS}, func(s *stage) { s.fake.clearData = true }},
	{"data with another certificate", []ID{DataCert, ReuseNone, DataWorks}, func(s *stage) { s.fake.data = good(nil) }},
	{"reuse required", []ID{ReuseRequired, DataWorks}, func(s *stage) { s.fake.needReuse = true }},
	{"reuse required, no tickets", []ID{ReuseRequired, DataTLS}, func(s *stage) {
		s.fake.needReuse, s.fake.tls.SessionTicketsDisabled = true, true
	}},
	{"reuse harmful", []ID{ReuseHarmful}, func(s *stage) { s.fake.refuseReuse = true }},
	{"no tickets", []ID{ReuseNone, DataWorks}, func(s *stage) { s.fake.tls.SessionTicketsDisabled = true }},
	{"150 after ClientHello", []ID{LateHelloNeeded, DataWorks}, func(s *stage) { s.fake.late = true }},
	{"slow listing", []ID{DataWorks}, func(s *stage) { s.fake.slow = 5 * time.Second }},
	{"slow listing, 150 after ClientHello", []ID{LateHelloNeeded, DataWorks}, func(s *stage) { s.fake.slow, s.fake.late = time.Second, true }},
	{"early ClientHello refused", []ID{EarlyHello, DataWorks}, func(s *stage) { s.fake.noEarly = true }},
	{"no close_notify", []ID{DataTruncated, DataWorks}, func(s *stage) { s.fake.bare = true }},
	{"very slow listing", []ID{DataWorks}, func(s *stage) { s.fake.slow = 12 * time.Second }},
	{"very slow listing, early ClientHello refused", []ID{EarlyHello, DataWorks}, func(s *stage) { s.fake.slow, s.fake.noEarly = 12*time.Second, true }},
	{"very slow listing, in clear", []ID{AuthRefused, DataWorks}, func(s *stage) {
		s.fake.tls, s.probe.InsecurePlaintext, s.fake.slow = nil, true, 9*time.Second
	}},
	{"data long after 150", []ID{DataWorks}, func(s *stage) { s.fake.pause = 12 * time.Second }},
	{"data in pieces", []ID{DataWorks}, func(s *stage) { s.fake.pause, s.fake.lines = 6*time.Second, 4 }},
	{"large packets dropped", []ID{DataStalls}, func(s *stage) {
		s.fake.mtu, s.fake.width, s.fake.tls.DynamicRecordSizingDisabled = 1500, 2000, true
	}},
	{"large packets dropped, short listing", []ID{DataStalls, DataWorks}, func(s *stage) { s.fake.mtu = 1500 }},
	{"large packets dropped, in clear", []ID{AuthRefused, DataStalls}, func(s *stage) {
		s.fake.tls, s.probe.InsecurePlaintext, s.fake.mtu, s.fake.width = nil, true, 1500, 2000
	}},
	{"data severed", []ID{DataBroken}, func(s *stage) { s.fake.severed = true }},
	{"reuse required in ProFTPD's words", []ID{ReuseRequired, DataWorks}, func(s *stage) {
		s.fake.needReuse, s.fake.unresumed = true, "425 Unable to build data connection: Operation not permitted"
	}},
	{"no full handshake, no reason", []ID{FullHandshake, DataWorks}, func(s *stage) {
		s.fake.needReuse, s.fake.unresumed = true, "425 Can't open the data connection."
	}},
	{"no full handshake, another reason", []ID{FullHandshake, DataWorks}, func(s *stage) {
		s.fake.needReuse, s.fake.unresumed = true, "522 Network protocol not supported."
	}},
	{"first listing fails", []ID{TransferUnsteady, DataWorks}, func(s *stage) { s.fake.reply = once(1, "LIST", "425 Not now.") }},
	{"second listing fails", []ID{TransferUnsteady, DataWorks}, func(s *stage) { s.fake.reply = once(2, "LIST", "425 Not now.") }},
	{"third listing fails", []ID{TransferUnsteady, DataWorks}, func(s *stage) { s.fake.reply = once(3, "LIST", "425 Not now.") }},
	{"third listing ends the session", []ID{TransferUnsteady, DataWorks}, func(s *stage) { s.fake.reply = once(3, "LIST", cut) }},
	{"bad address", []ID{TransferFailed}, func(s *stage) { s.fake.reply = on("LIST", "425 Bad IP connecting.") }},
	{"cannot list", []ID{ListRefused}, func(s *stage) { s.fake.reply = on("LIST", "550 No.") }},
	{"upload", []ID{UploadWorks, DataWorks}, func(s *stage) { s.probe.AllowWrite = true }},
	{"upload refused", []ID{UploadRefused, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("STOR", "553 No.") }},
	{"upload fails", []ID{UploadFailed, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("STOR", "425 No.") }},
	{"upload ends the session", []ID{UploadFailed, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("STOR", cut) }},
	{"upload in no type", []ID{UploadFailed, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("TYPE", "504 No.") }},
	{"upload unread", []ID{UploadUnread, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("RETR", "550 No.") }},
	{"upload lost", []ID{UploadLost, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.lose = true, 10 }},
	{"upload left", []ID{UploadLeft, DataWorks}, func(s *stage) { s.probe.AllowWrite, s.fake.reply = true, on("DELE", "550 No.") }},
}

// TestScripted runs every case, and checks that each kind of finding has at least one.
func TestScripted(t *testing.T) {
	seen := map[ID]bool{Interrupted: true} // has a test of its own, TestInterrupted
	for _, c := range scripted {
		t.Run(c.name, func(t *testing.T) {
			report, w := perform(t, c.change)
			bad := false
			for _, f := range report.Findings {
				seen[f.ID] = true
				bad = bad || f.Severity == Fail
				if f.Severity == Fail || f.Severity == Warn {
					require.Contains(t, c.want, f.ID, "%+v", f)
				}
			}
			for _, id := range c.want {
				_, ok := report.Find(id)
				require.True(t, ok, "no finding %s", id)
			}
			require.Equal(t, !bad, report.OK)
			for _, at := range w.dialled {
				require.Contains(t, append(w.hosts, there, other), at.Addr(), "connected to a stranger")
			}
			require.LessOrEqual(t, len(w.dialled), MaxConnections+DefaultRequests)
			_, withheld := report.Find(LoginWithheld)
			for _, line := range w.said {
				switch {
				case line == "PASS in clear":
					require.Contains(t, c.name, "in clear", "the password was sent without leave")
				case line == "PASS":
					require.False(t, withheld, "the password was sent to a server of no proven name")
				}
				if strings.HasPrefix(line, "STOR") {
					require.Contains(t, c.name, "upload", "written without leave")
				}
			}
		})
	}
	if t.Failed() {
		return
	}
	for _, f := range Catalog() {
		require.True(t, seen[f.ID], "no case makes the finding %s", f.ID)
	}
}

// The request has the address to which PASV sends clients, unless clients can't be meant to use it.
func TestRequestNamesTheAnnouncedAddress(t *testing.T) {
	for address, want := range map[string]string{"203,0,113,99": "203.0.113.99", "192,168,1,5": "", "0,0,0,0": "", "203,0,113,10": ""} {
		report, _ := perform(t, func(s *stage) { s.address(address) })
		if want == "" {
			require.False(t, report.Request.Announced.IsValid())
			require.NotContains(t, report.Request.String(), "announces")
			continue
		}
		require.Equal(t, want, report.Request.Announced.String())
		require.Contains(t, report.Request.String(), "203.0.113.10; for data also 203.0.113.99, which the server announces")
	}
}

// The request has the ports of listings, too, even those named after the ports that were asked for to see the range.
func TestRequestNamesThePortsOfTransfers(t *testing.T) {
	report, _ := perform(t, func(s *stage) {
		s.fake.ports = []uint16{21003, 21002, 21004}
		for range 7 {
			s.fake.ports = append(s.fake.ports, 21003)
		}
		s.fake.ports = append(s.fake.ports, 21000, 21009, 21008)
	})
	_, ok := report.Find(DataWorks)
	require.True(t, ok)
	require.Equal(t, "21000-21009", report.Request.Data())
	require.Greater(t, report.Request.Observed, DefaultRequests)
}

// A listing that doesn't arrive fails, whatever the final reply is.
func TestListingThatNeverArrives(t *testing.T) {
	for _, plain := range []bool{false, true} {
		report, _ := perform(t, func(s *stage) {
			s.fake.mtu, s.fake.width, s.fake.tls.DynamicRecordSizingDisabled = 1500, 2000, true
			if plain {
				s.fake.tls, s.probe.InsecurePlaintext = nil, true
			}
		})
		_, works := report.Find(DataWorks)
		require.False(t, works)
		f, _ := report.Find(DataStalls)
		require.Contains(t, f.Seen, "226 Done. (data: no answer in time, after 0 bytes)")
	}
}

// There are no findings about what happens after the last connection that the probe may make.
func TestLimitOfConnections(t *testing.T) {
	r := &run{report: new(Report), ctx: t.Context()}
	require.ErrorIs(t, r.conns.take(), errBudget)
	r.find(21, ControlLost, "connecting again: %v", errBudget)
	require.Empty(t, r.report.Findings)
}

// The probe connects to each port that the server names, and reports those that are dead.
func TestDeadPortsAreNamed(t *testing.T) {
	report, w := perform(t, func(s *stage) {
		s.shut, s.dropped = map[uint16]bool{21000: true}, map[uint16]bool{21005: true, 21010: true}
	})
	f, ok := report.Find(PortsDead)
	require.True(t, ok)
	require.Equal(t, "of 6 ports that the server named 3 are open and these are not: 21000 refused, 21005 filtered, 21010 filtered", f.Seen)
	tried := make(map[uint16]int)
	for _, at := range w.dialled {
		tried[at.Port()]++
	}
	for _, port := range []uint16{21000, 21001, 21003, 21005, 21007, 21010} {
		require.NotZero(t, tried[port], port)
	}
	for _, port := range []uint16{21000, 21005, 21010} {
		require.Equal(t, 1, tried[port], "transfers use the others")
	}
}

// TestImpostor checks that a second session goes through the same checks before the password is sent.
func TestImpostor(t *testing.T) {
	report, w := perform(t, func(s *stage) {
		s.fake.reply = func(f *fakeSession, verb, _ string) string {
			if verb != "EPSV" {
				return ""
			}
			f.tls = config(issue(nil, newKey(), nil))
			return silence
		}
	})
	_, withheld := report.Find(LoginWithheld)
	require.True(t, withheld)
	passes := 0
	for _, line := range w.said {
		if line == "PASS" {
			passes++
		}
	}
	require.Equal(t, 1, passes)
}

// TestEcho checks that a password which the server repeats is in neither the report nor the trace.
func TestEcho(t *testing.T) {
	var trace []string
	report, _ := perform(t, func(s *stage) {
		s.probe.Password = "correct horse"
		s.probe.Trace = func(line string) { trace = append(trace, line) }
		s.fake.reply = on("PASS", "530 correct horse is wrong.")
	})
	_, refused := report.Find(LoginRefused)
	require.True(t, refused)
	require.NotContains(t, report.String()+strings.Join(trace, "\n"), "correct horse")
}

// TestIPv6 checks that the probe sends no PASV over IPv6.
func TestIPv6(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::21")
	report, w := perform(t, func(s *stage) {
		s.control[netip.AddrPortFrom(six, 21)] = s.fake
		s.probe.Host, s.probe.ServerName = "["+six.String()+"]", "ftp.example.com"
	})
	require.True(t, report.OK)
	_, ok := report.Find(DataWorks)
	require.True(t, ok)
	require.NotContains(t, w.said, "PASV")
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := &world{control: make(map[netip.AddrPort]*fake)}
		w.control[netip.AddrPortFrom(there, 21)] = &fake{world: w, greeting: silence}
		report := (&Probe{Host: there.String(), Dial: w.dial}).Run(ctx)
		_, ok := report.Find(Interrupted)
		require.True(t, ok)
		require.Equal(t, []ID{Interrupted}, ids(report))
		require.False(t, report.OK)
	})
}

func ids(report *Report) (all []ID) {
	for _, f := range report.Findings {
		all = append(all, f.ID)
	}
	return slices.Clip(all)
}

// TestCatalog checks that entries of the catalog have what readers need.
func TestCatalog(t *testing.T) {
	seen := make(map[ID]bool)
	for _, f := range Catalog() {
		require.False(t, seen[f.ID], f.ID)
		seen[f.ID] = true
		require.Contains(t, rank, f.Severity, f.ID)
		require.NotEmpty(t, f.Means, f.ID)
		if f.Severity != OK {
			require.NotEmpty(t, f.Cure, f.ID)
			require.Contains(t, []Party{ClientFirewall, ServerFirewall, ServerConfig, ClientConfig}, f.For, f.ID)
		}
	}
}
