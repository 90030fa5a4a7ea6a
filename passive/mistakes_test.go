package passive

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// This file plants mistakes that somebody could make in the rule or in the table around it, by changing the facts
// before judge sees them, the verdict of judge, or what the model's table does. Each must be found by the exploration
// or by the table of judge_test.go; most are found by both.

// seesFacts returns a rule that sees other facts than there are.
func seesFacts(change func(*facts)) mistakes {
	return rules(func(f facts, v *verdict) {
		f = facts{slices.Clone(f.leases), slices.Clone(f.conns)}
		change(&f)
		judge(f, v)
	})
}

func seesLeases(change func(*leaseFacts)) mistakes {
	return seesFacts(func(f *facts) {
		for i := range f.leases {
			change(&f.leases[i])
		}
	})
}

func seesConns(change func(*connFacts)) mistakes {
	return seesFacts(func(f *facts) {
		for i := range f.conns {
			change(&f.conns[i])
		}
	})
}

// saysOf returns a rule whose verdict is changed.
func saysOf(change func(f *facts, v *verdict)) mistakes {
	return rules(func(f facts, v *verdict) {
		judge(f, v)
		change(&f, v)
	})
}

func saysOfConns(change func(f *facts, c *connVerdict, i int)) mistakes {
	return saysOf(func(f *facts, v *verdict) {
		for i := range v.conns {
			change(f, &v.conns[i], i)
		}
	})
}

func saysOfLeases(change func(f *facts, l *leaseVerdict, i int)) mistakes {
	return saysOf(func(f *facts, v *verdict) {
		for i := range v.leases {
			change(f, &v.leases[i], i)
		}
	})
}

func rules(judge func(facts, *verdict)) mistakes {
	with := right
	with.judge = judge
	return with
}

func fitted(change func(place) place) mistakes {
	with := right
	with.fits = func(g *group, r *Request, mixes bool) place { return change(g.fits(r, mixes)) }
	return with
}

func tables(change func(*mistakes)) mistakes {
	with := right
	change(&with)
	return with
}

var planted = []struct {
	what string
	with mistakes
}{
	{"a ticket shown is taken for proof", saysOfConns(func(f *facts, c *connVerdict, i int) {
		if c.do == shake && f.conns[i].claim == claims {
			c.do = give
		}
	})},
	{"a handshake without proof is taken for proof", tables(func(m *mistakes) { m.fullCounts = true })},
	{"who has proved itself may come without", seesLeases(func(l *leaseFacts) {
		if l.demand == Expected {
			l.demand, l.open = Untested, true
		}
	})},
	{"what is required is only hoped for", seesLeases(func(l *leaseFacts) {
		if l.demand == Required {
			l.demand, l.open = Unlikely, true
		}
	})},
	{"elsewhere is as good as here", seesConns(func(c *connFacts) { c.roaming = false })},
	{"of two without proof the first is given", saysOf(func(f *facts, v *verdict) {
		for i := range v.conns {
			if l := f.openOne(); v.conns[i].why == errSecond && l != none && f.leases[l].wanted != 0 {
				v.conns[i] = connVerdict{do: give, lease: l}
				return
			}
		}
	})},
	{"doubt is forgotten", seesLeases(func(l *leaseFacts) { l.doubted = false })},
	{"doubt goes on for ever", saysOfLeases(func(_ *facts, l *leaseVerdict, _ int) {
		if l.wait == forProof {
			l.wait = 0
		}
	})},
	{"doubt ends what demands proof", saysOfLeases(func(f *facts, l *leaseVerdict, i int) {
		if f.leases[i].doubted && f.leases[i].demand.demands() {
			l.end = ErrAmbiguous
		}
	})},
	{"nothing better is waited for", seesLeases(func(l *leaseFacts) { l.patient = true })},
	{"one that has said nothing is not waited for", seesConns(func(c *connFacts) { c.roaming = c.roaming || c.claim == silent })},
	{"what is claimed from elsewhere is waited for again and again", seesFacts(func(f *facts) {
		for _, c := range f.conns {
			if c.roaming && c.claim == claims {
				f.leases[c.lease].patient = false
			}
		}
	})},
	{"guests do not count", seesLeases(func(l *leaseFacts) { l.guest = false })},
	{"what may be a guest's is given to who asks first", seesLeases(func(l *leaseFacts) { l.alone = true })},
	{"a connection is given before its transfer is asked for", seesLeases(func(l *leaseFacts) { l.wanted = max(l.wanted, l.number) })},
	{"a connection is given that was there before", seesLeases(func(l *leaseFacts) { l.number = min(l.number, 1) })},
	{"a failed claim ends a lease at once", seesLeases(func(l *leaseFacts) { l.unheard = l.failed })},
	{"strays end a lease that demands proof", saysOf(func(f *facts, v *verdict) {
		if len(v.leases) == 1 && len(v.conns) == 1 && v.conns[0].why == errNeeded {
			v.leases[0].end = ErrUnproven
		}
	})},
	{"failed claims without bound end leases", tables(func(m *mistakes) { m.endless = true })},
	{"failed claims from elsewhere end leases", tables(func(m *mistakes) { m.anywhere = true })},
	{"two handshakes at once", seesLeases(func(l *leaseFacts) { l.shaking = false })},
	{"a handshake goes on though others wait", saysOfLeases(func(_ *facts, l *leaseVerdict, _ int) { l.contested = false })},
	{"a claim is refused while another is looked into", saysOfConns(func(f *facts, c *connVerdict, i int) {
		if c.do == keep && f.conns[i].claim == claims && !f.conns[i].shaking && !f.conns[i].full {
			*c = connVerdict{do: refuse, why: errShared}
		}
	})},
	{"a claim is never looked into when others are there", saysOfConns(func(f *facts, c *connVerdict, _ int) {
		if c.do == shake && len(f.conns) > 1 {
			c.do = keep
		}
	})},
	{"another session's connection is kept", saysOfConns(func(_ *facts, c *connVerdict, _ int) {
		if c.why == errOtherSession {
			*c = connVerdict{}
		}
	})},
	{"what proves nothing is kept where proof is demanded", saysOfConns(func(_ *facts, c *connVerdict, _ int) {
		if c.why == errNeeded {
			*c = connVerdict{}
		}
	})},
	{"a plain client is refused", seesLeases(func(l *leaseFacts) { l.open = l.open && l.demand != Unlikely })},
	{"any place is a free one", fitted(func(at place) place {
		if at == sharedPlace {
			return freePlace
		}
		return at
	})},
	{"who can prove nothing shares a port", fitted(func(at place) place {
		if at == noPlace {
			return sharedPlace
		}
		return at
	})},
	{"a ticket shown tells that an owner mixes them up", tables(func(m *mistakes) { m.mixByClaim = true })},
	{"sessions share a port that may mix their tickets up", tables(func(m *mistakes) {
		m.unsorted = func(*group, *Request) bool { return false }
	})},
	{"newcomers overtake", tables(func(m *mistakes) { m.overtake = true })},
	{"the queue is forgotten when its first gives up", tables(func(m *mistakes) { m.forgetQueue = true })},
}

func (f *facts) openOne() int {
	open, _ := f.open()
	return open
}

// Whatever mistake is made, the tests of the rule find it.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	explored := 0
	for _, mistake := range planted {
		t.Run(mistake.what, func(t *testing.T) {
			by := byExploration(mistake.with)
			if by != "" {
				explored++
			}
			wrong := byTable(t, mistake.with)
			t.Logf("%d cases of the table; explored: %s", wrong, by)
			require.True(t, by != "" || wrong > 0, "nothing finds it")
		})
	}
	require.GreaterOrEqual(t, explored, len(planted)-1, "the exploration finds less than it did")
}

func byExploration(with mistakes) string {
	limit := 20000
	if raceEnabled {
		limit = 6000 // these are enough, too
	}
	for _, in := range scopes {
		if x := explore(in, with, limit); x.found != "" {
			return in.name + ": " + x.found
		}
	}
	return ""
}

// byTable counts the cases of judge_test.go that go wrong.
func byTable(t *testing.T, with mistakes) (wrong int) {
	for _, c := range judged {
		f := readFacts(t, c.facts)
		var v verdict
		with.judge(f, &v)
		if v.text(f) != c.want {
			wrong++
		}
	}
	return wrong
}
