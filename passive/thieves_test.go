package passive

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata anew")

// victim is a client, and what is expected of its next data connection.
type victim struct {
	name    string
	prefer  ProofPolicy // its policy under --session-reuse=prefer; TestDemand in server has the reasons
	resumes bool        // this time
}

var victims = []victim{
	{"resumes; its last transfer was a complete download or listing, or it has resumed after another of that kind", Expected, true},
	{"resumes; first transfer, or after an upload, or one that failed or was refused", Untested, true},
	{"resumes, one of several sessions of its user whose tickets may be in one place", Untested, true},
	{"has come with proof and without, resumes", Unlikely, true},
	{"never resumes, first transfer", Untested, false},
	{"never resumes, later transfers", Unlikely, false},
}

// settings are the values of --session-reuse, and what they make of a victim's policy.
var settings = []struct {
	name   string
	policy func(victim) ProofPolicy
}{
	{"prefer", func(v victim) ProofPolicy { return v.prefer }},
	{"require", func(victim) ProofPolicy { return Required }},
	{"off", func(victim) ProofPolicy { return inClear }},
}

// means are the tickets that a thief can show.
var means = []struct {
	name   string
	ticket uint8
}{
	{"no ticket", nobody},
	{"its own ticket", another},
	{"the session's ticket, overheard", 0},
	{"another ticket of that user, overheard", 1},
}

// lateness is when a client's own data connection comes and says its first word. The later, the more a thief can do.
type lateness int

const (
	beforeThief    lateness = iota // before the thief's comes
	beforeTransfer                 // before the transfer is asked for
	inTime                         // within a second after the transfer is asked for
	never
	robbedNever // not even then a thief gets anything
)

var chances = map[lateness]string{
	beforeTransfer: "one transfer, if first",
	inTime:         "one transfer, if alone",
	never:          "one transfer, if alone for a second",
	robbedNever:    "nothing",
}

// robbery is a setting to explore: a victim's lease, a single client, and
// thieves who all show the same thing.
type robbery struct {
	victim victim
	policy ProofPolicy
	ticket uint8
	away   bool
	late   lateness
}

// robbed is a state of the exploration of a robbery.
type robbed struct {
	modelState
	came, spoke bool
}

type robberyKey struct {
	state       modelKey
	came, spoke bool
}

// succeeds explores whether a thief can get the connection that the victim waits for.
func (r robbery) succeeds(t *testing.T) bool {
	m := model{mistakes: right, ports: 1, manyStrikes: fewStrikes + 1}
	m.happen(event{what: leases, b: uint8(r.policy)})
	level := []robbed{{modelState: m.modelState}}
	conns := 3 // the client's and two thieves'
	if raceEnabled {
		conns = 2 // there is one goroutine, and the table is the same
	}
	seen, played := make(map[robberyKey]bool), 0
	for len(level) > 0 {
		s := level[len(level)-1]
		level = level[:len(level)-1]
		m.modelState = s.modelState
		for _, e := range m.options(scope{sessions: 2, ports: 1, conns: conns}) {
			m.modelState = s.modelState
			next := s
			if !r.plays(&m, &next, e) {
				continue
			}
			m.happen(e)
			played++
			for _, effect := range m.effects {
				if effect.kind == connGiven && effect.conn.by == thief {
					return true
				}
			}
			next.modelState = m.modelState
			key := robberyKey{m.form(false, false), next.came, next.spoke}
			if !seen[key] && m.sessions[0].phase == leased {
				seen[key] = true
				level = append(level, next)
			}
		}
	}
	require.NotZero(t, played)
	return false
}

// plays reports whether an event is a part of the robbery, and notes what the client does.
func (r robbery) plays(m *model, s *robbed, e event) bool {
	switch e.what {
	case leases, closes, drops, forgives, forgets:
		return false
	case wants:
		return r.late > beforeTransfer || s.spoke
	case bettered, expires, silenced:
		return (r.late > inTime || s.spoke) && (e.what != silenced || m.conns[e.a].by == thief)
	case connects:
		if e.a == thief {
			return (e.c == 1) == r.away && (r.late > beforeThief || s.spoke)
		}
		first := e.a == 0 && !s.came && r.late != never
		s.came = true
		return first
	}
	return r.speaks(m, s, e)
}

// speaks is plays for what a connection says, and for handshakes.
func (r robbery) speaks(m *model, s *robbed, e event) bool {
	if m.conns[e.a].by == thief {
		return e.what != says || e.b == r.ticket
	}
	switch e.what {
	case says:
		s.spoke = true
		return r.victim.resumes && e.b == 0 || !r.victim.resumes && e.b == nobody
	case shakes:
		return !r.victim.resumes
	}
	return e.what == resumes
}

// chance returns the latest moment at which the client's connection still keeps a thief from its data.
func (r robbery) chance(t *testing.T) lateness {
	for r.late = beforeThief; r.late <= never; r.late++ {
		if r.succeeds(t) {
			return r.late
		}
	}
	return robbedNever
}

// thiefTable is what docs/firewalls.md shows. Clients that are robbed alike under a setting have one line.
func thiefTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| `--session-reuse` | client |")
	for _, mean := range means {
		b.WriteString(" " + mean.name + " |")
	}
	b.WriteString(" elsewhere, any of these |\n|---|---|" + strings.Repeat("---|", len(means)+1) + "\n")
	for _, setting := range settings {
		var lines []string
		for _, v := range victims {
			lines = append(lines, thiefLine(t, robbery{victim: v, policy: setting.policy(v)}))
		}
		alike := len(slices.Compact(slices.Clone(lines))) == 1
		for i, line := range lines {
			name := victims[i].name
			if alike {
				name = "any"
			}
			fmt.Fprintf(&b, "| `%s` | %s |%s\n", setting.name, name, line)
			if alike {
				break
			}
		}
	}
	return b.String()
}

func thiefLine(t *testing.T, r robbery) string {
	var b strings.Builder
	elsewhere := robbedNever
	for _, mean := range means {
		r.ticket, r.away = mean.ticket, false
		fmt.Fprintf(&b, " %s |", chances[r.chance(t)])
		r.away = true
		elsewhere = min(elsewhere, r.chance(t))
	}
	fmt.Fprintf(&b, " %s |", chances[elsewhere])
	return b.String()
}

// The table of what a thief can get is what the rule makes of it, and what the documentation says.
func TestThiefTable(t *testing.T) {
	t.Parallel()
	table := thiefTable(t)
	const golden = "testdata/thieves.md"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(table), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table)
	doc, err := os.ReadFile("../docs/firewalls.md")
	require.NoError(t, err)
	require.Contains(t, string(doc), table)
}
