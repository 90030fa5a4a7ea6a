package vsftpd

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// Kind is what vsftpd takes the value of an option for.
type Kind int

const (
	Bool   Kind = iota // YES, TRUE, 1, NO, FALSE or 0, in any case
	Number             // decimal, or octal with a leading 0
	Word               // a path, a name or a list; an empty value unsets it
	Text               // what clients read: a # in it begins no comment; an empty value unsets it
)

// Treatment is what Sallyport does with an option.
type Treatment int

const (
	// Honoured options do what they do in vsftpd.
	Honoured Treatment = iota
	// Moot options ask for what Sallyport does anyway, or choose among means that Sallyport doesn't need.
	Moot
	// Warned options are accepted with a warning if their value is not Option.Same.
	Warned
	// Refused options keep a file from being used if their value is not Option.Same: something that vsftpd
	// protects would be open.
	Refused
)

// String returns the word of the documentation.
func (t Treatment) String() string {
	return [...]string{"honoured", "needs nothing", "warning", "refused"}[t]
}

// Option is an option of vsftpd.
type Option struct {
	Name      string
	Kind      Kind
	Default   string // that of Debian's binary, as a file would have it
	Treatment Treatment
	Same      string // of Warned and Refused options the value with which Sallyport is no different
	If        string // the boolean option without which this one means nothing; empty for none
	Why       string // how Sallyport differs, or why nothing is needed; empty if the option is simply honoured
}

// find returns the option of a name; nil if neither Debian's nor Red Hat's vsftpd has it.
func find(name string) *Option {
	for i := range Options {
		if Options[i].Name == name {
			return &Options[i]
		}
	}
	return nil
}

// nearest returns the name of an option that a mistyped one resembles most; empty if it resembles none.
func nearest(name string) string {
	var known []string
	for _, o := range Options {
		known = append(known, o.Name)
	}
	return strict.Nearest(name, known)
}

// parseBool reads a boolean as vsftpd does.
func parseBool(text string) (value, ok bool) {
	switch strings.ToUpper(text) {
	case "YES", "TRUE", "1":
		return true, true
	case "NO", "FALSE", "0":
		return false, true
	}
	return false, false
}

// parseNumber reads a number as vsftpd does, but for text that is none: vsftpd takes as much of it as there are digits.
func parseNumber(text string) (value int, ok bool) {
	base := 10
	if strings.HasPrefix(text, "0") {
		base = 8
	}
	n, err := strconv.ParseUint(text, base, 31)
	return int(n), err == nil
}
