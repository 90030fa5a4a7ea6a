package ftpstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads a fault in its textual form, for flags and tables: the kind,
// a colon, and parameters parted by commas, each name=value. A value with a
// comma in it is in double quotes, with Go's escapes. Numbers of bytes may end
// in k, M or G, for 1,024 and its powers.
//
//	cut:after=1000,how=rst,nth=2
//	reply:to=STOR,code=452,text="No space left, sorry."
//	reuse
func ParseFault(text string) (Fault, error) {
	name, rest, more := strings.Cut(text, ":")
	f := Fault{Kind: Kind(strings.TrimSpace(name))}
	if describe(f.Kind) == nil {
		return Fault{}, f.Validate()
	}
	for more {
		var key, value string
		var err error
		if key, value, rest, more, err = cutParam(rest); err != nil {
			return Fault{}, fmt.Errorf("ftpstest: fault %s: %w", f.Kind, err)
		}
		p := lookup(key)
		if p == nil || !describe(f.Kind).takes(key) {
			return Fault{}, fmt.Errorf("ftpstest: fault %s has no %q; it takes %s", f.Kind, key, describe(f.Kind).paramNames())
		}
		if err := p.set(&f, value); err != nil {
			return Fault{}, fmt.Errorf("ftpstest: fault %s: %s=%s: %w", f.Kind, key, value, err)
		}
	}
	return f, f.Validate()
}

// cutParam takes one name=value off; more tells that a comma followed.
func cutParam(s string) (key, value, rest string, more bool, err error) {
	key, s, ok := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return "", "", "", false, fmt.Errorf("want name=value, got %q", key)
	}
	if !strings.HasPrefix(s, `"`) {
		value, rest, more = strings.Cut(s, ",")
		return key, strings.TrimSpace(value), rest, more, nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", "", false, fmt.Errorf("%s: a double quote is missing", key)
	}
	value, err = strconv.Unquote(quoted)
	rest, more = strings.CutPrefix(s[len(quoted):], ",")
	if err == nil && !more && rest != "" {
		err = fmt.Errorf("%s: %q follows the closing quote", key, rest)
	}
	return key, value, rest, more, err
}

// String returns the textual form, which ParseFault reads.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	sep := byte(':')
	for _, p := range params {
		value := p.get(&f)
		if value == "" {
			continue
		}
		if strings.ContainsAny(value, ",\"") || strconv.Quote(value) != `"`+value+`"` || strings.TrimSpace(value) != value {
			value = strconv.Quote(value)
		}
		b.WriteByte(sep)
		b.WriteString(p.name + "=" + value)
		sep = ','
	}
	return b.String()
}

// MarshalText returns String, for configuration files.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), f.Validate() }

// UnmarshalText is ParseFault, for configuration files and flags.
func (f *Fault) UnmarshalText(text []byte) error {
	v, err := ParseFault(string(text))
	if err == nil {
		*f = v
	}
	return err
}

// param is how a field is read and written as text; "" is its zero value.
type param struct {
	name string
	get  func(*Fault) string
	set  func(*Fault, string) error
}

// params are in the order in which String writes them.
var params = []param{
	{"to", func(f *Fault) string { return f.To }, func(f *Fault, s string) error {
		f.To = s
		return nil
	}},
	{"nth", func(f *Fault) string { return number(int64(f.Nth)) }, func(f *Fault, s string) (err error) {
		f.Nth, err = strconv.Atoi(s)
		return atLeast(1, int64(f.Nth), err)
	}},
	{"after", func(f *Fault) string { return number(f.After) }, func(f *Fault, s string) (err error) {
		f.After, err = parseBytes(s)
		return atLeast(0, f.After, err)
	}},
	{"how", func(f *Fault) string { return f.How }, func(f *Fault, s string) error {
		f.How = s
		return nil
	}},
	{"rate", func(f *Fault) string { return number(f.Rate) }, func(f *Fault, s string) (err error) {
		f.Rate, err = parseBytes(s)
		return atLeast(1, f.Rate, err)
	}},
	{"for", func(f *Fault) string {
		if f.For == 0 {
			return ""
		}
		return f.For.String()
	}, func(f *Fault, s string) (err error) {
		f.For, err = time.ParseDuration(s)
		if err != nil {
			err = errors.New("want a duration such as 30s")
		}
		return atLeast(1, int64(f.For), err)
	}},
	{"code", func(f *Fault) string { return number(int64(f.Code)) }, func(f *Fault, s string) (err error) {
		f.Code, err = strconv.Atoi(s)
		if err != nil || f.Code < 200 || f.Code > 659 {
			return errors.New("want the code of a final reply, 200 to 659")
		}
		return nil
	}},
	{"text", func(f *Fault) string { return f.Text }, func(f *Fault, s string) error {
		f.Text = s
		return nil
	}},
	{"done", func(f *Fault) string {
		if f.Done {
			return "yes"
		}
		return ""
	}, func(f *Fault, s string) error {
		f.Done = s == "yes"
		if s != "yes" && s != "no" {
			return errors.New("want yes or no")
		}
		return nil
	}},
	{"addr", func(f *Fault) string { return f.Addr }, func(f *Fault, s string) error {
		f.Addr = s
		_, _, err := splitAddr(s)
		return err
	}},
}

func lookup(name string) *param {
	for i := range params {
		if params[i].name == name {
			return &params[i]
		}
	}
	return nil
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func atLeast(least, n int64, err error) error {
	switch {
	case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
		return errors.New("want a number")
	case err == nil && n < least:
		return fmt.Errorf("want at least %d", least)
	}
	return err
}

// parseBytes reads a number of bytes.
func parseBytes(s string) (int64, error) {
	digits, shift := s, 0
	for i, unit := range []string{"k", "M", "G"} {
		if before, ok := strings.CutSuffix(s, unit); ok {
			digits, shift = before, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64-shift)
	return n << shift, err
}

// splitAddr reads HOST, HOST:PORT or :PORT. What is not given is zero.
func splitAddr(s string) (addr netip.Addr, port uint16, err error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr, 0, nil
	}
	host, digits, err := net.SplitHostPort(s)
	n, portErr := strconv.ParseUint(digits, 10, 16)
	if err == nil && host != "" {
		addr, err = netip.ParseAddr(host)
	}
	if err != nil || portErr != nil || n == 0 {
		return netip.Addr{}, 0, errors.New("want HOST, HOST:PORT or :PORT, where HOST is an IP address")
	}
	return addr, uint16(n), nil
}
