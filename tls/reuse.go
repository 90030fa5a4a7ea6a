package tls

import (
	"fmt"
	"strings"
)

// Reuse says what a data connection must prove by resuming a TLS session of
// its control connection.
type Reuse int

const (
	// Prefer refuses a ticket of another owner's session with ErrForeign and
	// tolerates a connection that offers none, as clients that never resume
	// do; a server may demand more of a session that has resumed before. It is
	// the default.
	Prefer Reuse = iota
	// Require refuses every data connection that does not resume this very
	// session, with ErrNotResumed or ErrForeign. Clients such as Python's
	// ftplib cannot transfer anything under it. Their data connections are closed at once,
	// but they hear 522 only when the lease of the data port ends, passive.Ports.TTL (30
	// seconds) after PASV: until then the right connection may still come.
	Require
	// Off checks nothing. Tickets are still issued and accepted, because
	// resuming costs both sides less.
	Off
)

var reuseNames = [...]string{Prefer: "prefer", Require: "require", Off: "off"}

// String returns "prefer", "require" or "off".
func (r Reuse) String() string {
	if r < 0 || int(r) >= len(reuseNames) {
		return fmt.Sprintf("Reuse(%d)", int(r))
	}
	return reuseNames[r]
}

// ParseReuse reads what String returns, in letters of either case.
func ParseReuse(s string) (Reuse, error) {
	for r, name := range reuseNames {
		if strings.EqualFold(s, name) {
			return Reuse(r), nil
		}
	}
	return Prefer, fmt.Errorf("session reuse %q: want prefer, require or off", s)
}

// MarshalText returns String, for configuration files.
func (r Reuse) MarshalText() ([]byte, error) {
	if r < 0 || int(r) >= len(reuseNames) {
		return nil, fmt.Errorf("%v is not a session reuse policy", r)
	}
	return []byte(r.String()), nil
}

// UnmarshalText is ParseReuse, for configuration files and flags.
func (r *Reuse) UnmarshalText(text []byte) error {
	v, err := ParseReuse(string(text))
	if err != nil {
		return err
	}
	*r = v
	return nil
}
