package wire

import "strings"

// Facts is a set of the facts of RFC 3659, section 7.5, as OPTS MLST chooses
// them. The zero set asks for names alone.
type Facts uint32

// The facts this package prints, in the order it prints them.
const (
	FactType      Facts = 1 << iota // "type", section 7.5.1
	FactSize                        // "size", section 7.5.7
	FactModify                      // "modify", section 7.5.3
	FactPerm                        // "perm", section 7.5.5
	FactUnique                      // "unique", section 7.5.2
	FactUnixMode                    // "UNIX.mode", octal permissions
	FactUnixOwner                   // "UNIX.owner", a name or number
	FactUnixGroup                   // "UNIX.group", a name or number

	// AllFacts is every fact there is, what a session starts with.
	AllFacts Facts = 1<<iota - 1
)

// factNames are in the order of the bits. RFC 3659, section 7.5 compares names
// without regard to case and gives "UNIX." as the prefix of the system's own.
var factNames = [...]string{
	"type", "size", "modify", "perm", "unique", "UNIX.mode", "UNIX.owner", "UNIX.group",
}

// ParseFacts reads the argument of OPTS MLST, "type;size;". RFC 3659, section
// 7.9: facts unknown to the server are ignored, and nothing at all asks for no
// facts. The last semicolon may be missing.
func ParseFacts(opts string) Facts {
	var f Facts
	for opts != "" {
		var name string
		name, opts, _ = strings.Cut(opts, ";")
		for i, known := range factNames {
			// Not strings.EqualFold, which takes U+017F for an s.
			if upper(name) == upper(known) {
				f |= 1 << i
			}
		}
	}
	return f
}

// String returns the set as the reply to OPTS MLST shows it, "type;size;". RFC 3659,
// section 7.9.
func (f Facts) String() string { return f.join(AllFacts&f, "") }

// Feat returns the list of all facts for FEAT with a star behind those in f,
// "type*;size;modify*;". RFC 3659, section 7.8.
func (f Facts) Feat() string { return f.join(AllFacts, "*") }

func (f Facts) join(shown Facts, star string) string {
	var b strings.Builder
	for i, name := range factNames {
		if shown&(1<<i) == 0 {
			continue
		}
		b.WriteString(name)
		if f&(1<<i) != 0 {
			b.WriteString(star)
		}
		b.WriteByte(';')
	}
	return b.String()
}

// Fact is one fact with its value, as in the argument of MFF.
type Fact struct {
	// Name is as the client spelt it; compare it without regard to case.
	Name string
	// Value is everything behind the first '='; it may be empty.
	Value string
}

// ParseMFF reads the argument of MFF, draft-somers-ftp-mfxx:
// "Modify=20021231235959;UNIX.mode=0644; name". There is at least one fact. Each
// ends in a semicolon, except that ncftp leaves out the last semicolon. A space
// stands before the path, which is untouched and not empty. Which facts can be set,
// and whether their values make sense, is for the caller to say.
func ParseMFF(arg string) (facts []Fact, path string, err error) {
	head, path, _ := strings.Cut(arg, " ")
	if path == "" {
		return nil, "", errMFF()
	}
	for head != "" {
		var text string
		text, head, _ = strings.Cut(head, ";")
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" || !graphic(name) || !graphic(value) {
			return nil, "", errMFF()
		}
		facts = append(facts, Fact{name, value})
	}
	if facts == nil {
		return nil, "", errMFF()
	}
	return facts, path, nil
}

func errMFF() error { return wants("facts as name=value; each, a space and a path") }

// graphic reports whether s is visible ASCII only, a little more than the RCHAR and
// SCHAR of RFC 3659, section 2.1.
func graphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
