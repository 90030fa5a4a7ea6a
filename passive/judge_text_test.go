package passive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The notation of the table in judge_test.go. Facts are separated by semicolons. A lease has a capital letter and what
// leaseFacts says of it; at N and wanted N are moments, in the order of connections. A connection is named by the
// moment at which it came, and says what it claims:
//
//	A unlikely open at 1 wanted 4 guest shaking patient alone doubted overdue failed unheard
//	2 silent; 3 none said 5; 4 foreign; 5 claims A; 6 claims A full; 7 none away shaking full for A
//
// A verdict names the connections and leases with which something is to be done, connections first.

var (
	reasons = map[error]string{
		errOtherSession: "other session", errRoams: "roams", errShared: "shared", errEarly: "early", errNeeded: "needed",
		errSecond: "second",
	}
	endings  = map[error]string{ErrAmbiguous: "ambiguous", ErrUnproven: "unproven"}
	waits    = map[wait]string{forBetter: "better", forProof: "proof", forAnother: "another", forOthers: "others"}
	policies = map[string]ProofPolicy{"untested": Untested, "expected": Expected, "unlikely": Unlikely, "required": Required}
)

func letter(i int) string { return string(rune('A' + i)) }

func readFacts(t testing.TB, text string) (f facts) {
	t.Helper()
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if words[0] == letter(len(f.leases)) {
			f.leases = append(f.leases, readLease(t, words[1:]))
			continue
		}
		f.conns = append(f.conns, readConn(t, words))
	}
	return f
}

func readNumber(t testing.TB, word string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(word, 10, 64)
	require.NoError(t, err)
	return n
}

func readLease(t testing.TB, words []string) (l leaseFacts) {
	t.Helper()
	flags := map[string]*bool{
		"open": &l.open, "guest": &l.guest, "shaking": &l.shaking, "patient": &l.patient, "doubted": &l.doubted,
		"overdue": &l.overdue, "alone": &l.alone, "failed": &l.failed, "unheard": &l.unheard,
	}
	policy, ok := policies[words[0]]
	require.True(t, ok, "%v", words)
	l.demand = policy
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "at":
			i++
			l.number = readNumber(t, words[i])
		case "wanted":
			i++
			l.wanted = readNumber(t, words[i])
		default:
			require.Contains(t, flags, words[i])
			*flags[words[i]] = true
		}
	}
	return l
}

func readConn(t testing.TB, words []string) connFacts {
	t.Helper()
	c := connFacts{number: readNumber(t, words[0]), lease: none}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "silent":
		case "none":
			c.claim = unproven
		case "foreign":
			c.claim = foreign
		case "claims":
			i++
			c.claim, c.lease = claims, int(words[i][0]-'A')
		case "for":
			i++
			c.lease = int(words[i][0] - 'A')
		case "said":
			i++
			c.spoke = readNumber(t, words[i])
		case "away":
			c.roaming = true
		case "shaking":
			c.shaking = true
		case "full":
			c.full = true
		default:
			require.Fail(t, "not in the notation", words[i])
		}
	}
	if c.claim != silent && c.spoke == 0 {
		c.spoke = c.number
	}
	return c
}

func (v *verdict) text(f facts) string {
	var said []string
	for i, c := range v.conns {
		switch c.do {
		case refuse:
			said = append(said, fmt.Sprintf("%d refused: %s", f.conns[i].number, reasons[c.why]))
		case shake:
			said = append(said, fmt.Sprintf("%d shakes for %s", f.conns[i].number, letter(c.lease)))
		case give:
			said = append(said, fmt.Sprintf("%d is given to %s", f.conns[i].number, letter(c.lease)))
		}
	}
	for i, l := range v.leases {
		said = append(said, l.text(letter(i))...)
	}
	return strings.Join(said, "; ")
}

func (l leaseVerdict) text(name string) (said []string) {
	if l.end != nil {
		said = append(said, name+" ends: "+endings[l.end])
	}
	if l.doubt {
		said = append(said, name+" doubted")
	}
	if l.reset {
		said = append(said, name+" reset")
	}
	if l.wait != 0 {
		said = append(said, name+" waits for "+waits[l.wait])
	}
	if l.contested {
		said = append(said, name+" contested")
	}
	return said
}

// ruled asks a rule about facts in the notation, and returns the verdict in words.
func ruled(t testing.TB, rule func(facts, *verdict), text string) string {
	t.Helper()
	f := readFacts(t, text)
	before := facts{slices.Clone(f.leases), slices.Clone(f.conns)}
	v := verdict{conns: make([]connVerdict, 1, 9), leases: []leaseVerdict{{doubt: true}}} // used before
	rule(f, &v)
	require.Equal(t, before, f, "judge changed its facts")
	return v.text(f)
}
