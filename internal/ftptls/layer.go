package ftptls

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/internal/nopanic"
	"github.com/sallyport/sallyport/tls"
)

// Application protocols (ALPN). A client that offers only others is refused by
// crypto/tls, which is the cure for ALPACA (CVE-2021-3618); one that offers none is
// served. FileZilla offers x-filezilla-ftp before ftp; selecting x-filezilla-ftp
// would promise a dialect not spoken here, and FileZilla offers ftp-data on its
// data connections only after that.
var (
	controlProtos = []string{"ftp"}
	dataProtos    = []string{"ftp-data", "ftp"}
)

// Layer is the TLS of one server: its configuration, checked and prepared
// once, the keys of its session tickets, and the sessions that live. It may be
// used concurrently and needs no closing.
type Layer struct {
	// base holds the ticket keys. A clone would have keys of its own as soon
	// as they rotate, so tickets are always sealed and opened with base.
	base *tls.Config
	// Elsewhere returns the owner of a session that another process has, by its ID; "" for none. The tickets of such
	// a session count as those of a session of this Layer with the same owner. Handshakes call Elsewhere, so it must
	// not take long. Nil if there are none. It is set before the first handshake.
	Elsewhere func(id string) (owner string)
	// current is what handshakes go by: base until there was a Swap.
	current atomic.Pointer[prepared]

	mu      sync.Mutex
	live    map[[idSize]byte]*Session // sessions not closed yet
	owners  owners
	replays replays
}

// NewLayer prepares cfg for a server. It takes a copy: cfg itself is never
// changed, and later changes to it have no effect, except through its
// functions (GetCertificate, GetConfigForClient and so on), which stay in use.
//
// A server decides for itself on NextProtos, on record sizes and on what its
// tickets say. MinVersion zero means TLS 1.2; an older version must have been
// asked for explicitly. WrapSession and UnwrapSession must be nil, here and in
// what GetConfigForClient returns. SessionTicketsDisabled is respected, but
// then no data connection can ever be tied to its session.
func NewLayer(cfg *tls.Config) (*Layer, error) {
	p, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	l := &Layer{base: p.cfg, live: make(map[[idSize]byte]*Session), replays: replays{seed: maphash.MakeSeed()}}
	l.current.Store(p)
	return l, nil
}

// Swap gives handshakes to come another configuration, which is treated as
// NewLayer says. Connections stay as they are, and tickets that were issued stay
// good: their keys are those of the first configuration. When Swap returns an error
// nothing has changed.
func (l *Layer) Swap(cfg *tls.Config) error {
	p, err := prepare(cfg)
	if err == nil {
		l.current.Store(p)
	}
	return err
}

// SetTicketKeys replaces the keys of session tickets: the first seals, and all open. There must be one at least.
func (l *Layer) SetTicketKeys(keys [][32]byte) { l.base.SetSessionTicketKeys(keys) }

// prepared is a configuration that was checked.
type prepared struct {
	cfg *tls.Config // a clone
	// noTickets is what the caller's SessionTicketsDisabled said; in cfg it is
	// always false, or cfg would have no keys.
	noTickets bool
}

func prepare(cfg *tls.Config) (*prepared, error) {
	if cfg == nil {
		return nil, errors.New("tls: no configuration")
	}
	if err := check(cfg); err != nil {
		return nil, err
	}
	if len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil {
		return nil, errors.New("tls: the configuration has no certificate; use Load or SelfSigned")
	}
	p := &prepared{cfg: cfg.Clone(), noTickets: cfg.SessionTicketsDisabled}
	p.cfg.SessionTicketsDisabled = false
	// Generate the keys now, so that clones inherit them and do not each make some
	// that nobody uses.
	if _, err := p.cfg.DecryptTicket(nil, tls.ConnectionState{}); err != nil {
		return nil, fmt.Errorf("tls: preparing ticket keys: %w", err)
	}
	return p, nil
}

// check refuses what a server cannot honour.
func check(cfg *tls.Config) error {
	if cfg.WrapSession != nil || cfg.UnwrapSession != nil {
		return errors.New("tls: the configuration sets WrapSession or UnwrapSession: " +
			"a server needs both itself, to tie data connections to their session")
	}
	for i, cert := range cfg.Certificates {
		if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
			return fmt.Errorf("tls: certificate %d of the configuration lacks its chain or its key", i)
		}
	}
	if least := atLeast(cfg); cfg.MaxVersion != 0 && cfg.MaxVersion < least {
		return fmt.Errorf("tls: the configuration accepts no version: at most %s, at least %s",
			tls.VersionName(cfg.MaxVersion), tls.VersionName(least))
	}
	return nil
}

// atLeast returns the oldest version accepted. crypto/tls would let an environment
// variable choose, if cfg does not.
func atLeast(cfg *tls.Config) uint16 {
	if cfg.MinVersion == 0 {
		return tls.VersionTLS12
	}
	return cfg.MinVersion
}

// config returns the configuration for one connection.
func (l *Layer) config(c *Conn) *tls.Config {
	now := l.current.Load()
	cfg := now.cfg.Clone()
	cfg.SessionTicketsDisabled = now.noTickets
	l.adapt(cfg, c)
	choose := now.cfg.GetConfigForClient
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if f := c.onHello; f != nil {
			c.onHello = nil // an idle connection does not keep what f holds
			if err := f(); err != nil {
				return nil, err
			}
		}
		use := cfg
		if choose != nil {
			other, err := l.chosen(choose, hello, c)
			if err != nil {
				return nil, err
			}
			if other != nil {
				use = other
			}
		}
		if prefs := use.CurvePreferences; c.kind == kindData && !fips140.Enabled() && (len(prefs) == 0 || slices.Contains(prefs, tls.X25519)) && c.continues() {
			use.CurvePreferences = onlyX25519
		}
		return use, nil
	}
	return cfg
}

var onlyX25519 = []tls.CurveID{tls.X25519}

// chosen adapts what the caller's GetConfigForClient returned.
func (l *Layer) chosen(choose func(*tls.ClientHelloInfo) (*tls.Config, error), hello *tls.ClientHelloInfo, c *Conn) (*tls.Config, error) {
	cfg, err := choose(hello)
	if err != nil || cfg == nil {
		return nil, err
	}
	if err := check(cfg); err != nil {
		return nil, err
	}
	cfg = cfg.Clone()
	l.adapt(cfg, c)
	return cfg, nil
}

// adapt sets in cfg, a clone, what the server decides for itself.
func (l *Layer) adapt(cfg *tls.Config, c *Conn) {
	cfg.MinVersion = atLeast(cfg)
	// Small first records help a browser to render early; a transfer only
	// pays for them.
	cfg.DynamicRecordSizingDisabled = true
	// A panic of the writer would leave a lock of crypto/tls locked that all
	// handshakes of the process take.
	cfg.KeyLogWriter = nopanic.Writer(cfg.KeyLogWriter)
	cfg.WrapSession = c.wrapSession
	cfg.UnwrapSession = c.unwrapSession
	cfg.NextProtos = controlProtos
	if c.kind == kindData {
		cfg.NextProtos = dataProtos
	}
}
