package main

import (
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os/user"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/networks"
)

// units maps the unit of a size, in lower case, to bytes.
var units = map[string]int64{
	"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// parseSize reads a number of bytes, with a unit or without.
func parseSize(text string) (int64, error) {
	digits := strings.TrimLeft(text, "0123456789")
	n, err := strconv.ParseInt(text[:len(text)-len(digits)], 10, 64)
	unit, ok := units[strings.ToLower(strings.TrimSpace(digits))]
	if err != nil || !ok || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size; want one such as 500 MB (of 1000 kB) or 10 GiB (of 1024 MiB)", text)
	}
	return n * unit, nil
}

// quota is how many bytes a user may store; no limit unless set.
type quota struct {
	bytes int64
	set   bool
}

func (q *quota) UnmarshalText(text []byte) (err error) {
	q.set = true
	q.bytes, err = parseSize(string(text))
	return err
}

func (q quota) String() string { return fmt.Sprintf("%d B", q.bytes) }

// rate is a number of bytes per second; 0 is no limit.
type rate int64

func (r *rate) UnmarshalText(text []byte) error {
	n, err := parseSize(strings.TrimSuffix(string(text), "/s"))
	if err != nil {
		return fmt.Errorf("%q is no rate; want one such as 2 MiB/s", text)
	}
	*r = rate(n)
	return nil
}

func (r rate) String() string { return fmt.Sprintf("%d B/s", int64(r)) }

// network is a network that a user may log in from.
type network struct{ netip.Prefix }

func (n *network) UnmarshalText(text []byte) (err error) {
	n.Prefix, err = networks.Parse(string(text))
	return err
}

// day is the beginning of a day in this host's time zone, or any moment.
type day struct{ time.Time }

func (d *day) UnmarshalText(text []byte) (err error) {
	if d.Time, err = time.ParseInLocation(time.DateOnly, string(text), time.Local); err == nil {
		return nil
	}
	if d.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is no day; want one such as 2027-01-31, from which on nobody can log in, or 2027-01-31T12:00:00Z", text)
	}
	return nil
}

func (d day) String() string { return d.Format(time.RFC3339) }

// uploads says how uploads are stored; empty for the option of the server.
type uploads string

func (u *uploads) UnmarshalText(text []byte) error {
	var how string
	err := choice(&how, uploadsAtomic, uploadsInPlace)(string(text))
	*u = uploads(how)
	return err
}

// umask holds the rights that new files and directories don't get; the umask of the process unless set.
type umask struct {
	bits fs.FileMode
	set  bool
}

func (u *umask) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || n > 0o777 || n&0o700 != 0 {
		return fmt.Errorf("%q is no umask; want octal digits such as 022 or 007, which leave the user all rights", text)
	}
	u.bits, u.set = fs.FileMode(n), true
	return nil
}

func (u umask) String() string { return fmt.Sprintf("%03o", uint32(u.bits)) }

// fileMode is the mode of new files, less the umask; 0 unless set.
type fileMode struct{ bits fs.FileMode }

func (m *fileMode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || n > 0o777 || n&0o600 != 0o600 {
		return fmt.Errorf("%q is no mode of files; want octal digits such as 0666 or 640, with which the user reads and writes", text)
	}
	m.bits = fs.FileMode(n)
	return nil
}

func (m fileMode) String() string { return fmt.Sprintf("%04o", uint32(m.bits)) }

// owner is a user of this host; none unless set.
type owner struct {
	name string
	uid  int
	set  bool
}

func (o *owner) UnmarshalText(text []byte) error {
	if o.name = string(text); o.name == "" {
		return nil
	}
	uid, err := strconv.ParseUint(o.name, 10, 31)
	if err != nil {
		who, err := user.Lookup(o.name)
		if err != nil {
			return fmt.Errorf("there is no user %q on this host; want one, or a number", o.name)
		}
		if uid, err = strconv.ParseUint(who.Uid, 10, 31); err != nil {
			return fmt.Errorf("user %q has no number", o.name)
		}
	}
	o.uid, o.set = int(uid), true
	return nil
}

func (o owner) String() string { return o.name }

// givenMode is the mode of uploads that are given to another user.
type givenMode struct {
	bits fs.FileMode
	set  bool
}

func (m *givenMode) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q is no mode of files; want octal digits such as 0600 or 644", text)
	}
	m.bits, m.set = fs.FileMode(n), true
	return nil
}

func (m givenMode) String() string { return fmt.Sprintf("%04o", uint32(m.orUsual())) }

// orUsual returns the mode, or the usual one if none is set.
func (m givenMode) orUsual() fs.FileMode {
	if !m.set {
		return 0o600
	}
	return m.bits
}

// patterns match the names that are hidden.
type patterns []pattern

// pattern is a pattern of path.Match.
type pattern string

func (p *pattern) UnmarshalText(text []byte) error {
	if _, err := path.Match(string(text), ""); err != nil || strings.Contains(string(text), "/") || len(text) == 0 {
		return fmt.Errorf("%q is no pattern of a name; want one such as .* or *.tmp, without a slash", text)
	}
	*p = pattern(text)
	return nil
}

// match reports whether any element of a path is hidden.
func (ps patterns) match(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		for _, p := range ps {
			if hit, _ := path.Match(string(p), part); hit && part != "." { // "." is the root
				return true
			}
		}
	}
	return false
}
