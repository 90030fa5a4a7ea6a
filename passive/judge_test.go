package passive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged states the rule case by case: what is known, and what is done. The notation is that of judge_text_test.go.
var judged = []struct{ why, facts, want string }{
	// A connection that has said nothing waits.
	{"silence says nothing", "A unlikely open at 1 wanted 2; 3 silent", ""},
	{"nor does it where proof is demanded", "A required at 1 wanted 2; 3 silent; 4 silent away", ""},
	{"a lease without connections waits", "A untested open at 1 wanted 2", ""},

	// Claims: a handshake each, in turn, and nothing more.
	{"a claim gives a handshake", "A expected at 1; 2 claims A", "2 shakes for A"},
	{"from elsewhere too", "A expected at 1; 2 claims A away", "2 shakes for A"},
	{"and before its transfer is asked for or after", "A untested open at 1 wanted 2; 3 claims A", "3 shakes for A"},
	{"even one that came before the lease", "A required at 3; 2 claims A", "2 shakes for A"},
	{"each lease has its own", "A expected at 1; B expected at 2; 3 claims B; 4 claims A", "3 shakes for B; 4 shakes for A"},
	{"one at once", "A expected at 1; 2 claims A; 3 claims A", "2 shakes for A; A contested"},
	{"the client's address comes first", "A expected at 1; 2 claims A away; 3 claims A", "3 shakes for A; A contested"},
	{"one under way is not overtaken", "A expected at 1 shaking; 2 claims A shaking away; 3 claims A", "A contested"},
	{"alone it is not contested", "A expected at 1 shaking; 2 claims A shaking", ""},
	{"a doubted lease hears proof", "A unlikely open at 1 wanted 2 doubted; 3 claims A", "3 shakes for A"},
	{"and a guest", "A untested open at 1; B untested guest at 2; 3 claims B", "3 shakes for B"},
	{"one whose handshake failed before", "A required at 1 wanted 2 failed; 3 claims A", "3 shakes for A"},
	{"another session's is refused", "A untested open at 1 wanted 2; 3 foreign", "3 refused: other session"},
	{"and where proof is demanded", "A required at 1; 3 foreign away", "3 refused: other session"},
	{"but not in the middle of its handshake", "A untested open at 1 wanted 2; 3 foreign shaking", ""},
	{"however many wait", "A expected at 1 shaking; 2 claims A shaking; 3 claims A; 4 claims A; 5 claims A away", "A contested"},
	{"when its turn is over the next one begins", "A expected at 1; 2 claims A shaking; 3 claims A; 4 claims A", "3 shakes for A; A contested"},
	{"from elsewhere, too", "A expected at 1; 2 claims A shaking; 3 claims A away", "3 shakes for A"},
	{"or one without proof", "A unlikely open at 1; 2 claims A shaking away; 3 none", "3 shakes for A"},
	{"but not if one from here may prove itself", "A unlikely open at 1; 2 claims A shaking; 3 none", ""},

	// Where proof is demanded, nothing is given without it, whatever else is known.
	{"an expected proof", "A expected at 1 wanted 2; 3 none", "3 refused: needed"},
	{"a required one", "A required at 1; 2 none", "2 refused: needed"},
	{"after a long time", "A expected at 1 wanted 2 patient overdue; 3 none", "3 refused: needed"},
	{"after a claim that proved nothing", "A required at 1 wanted 2; 3 claims A full", "3 refused: needed"},
	{"even on a lease that was called open", "A expected open at 1 wanted 2; 3 none", "3 refused: needed"},
	{"several end nothing", "A expected at 1 wanted 2; 3 none; 4 none; 5 foreign", "3 refused: needed; 4 refused: needed; 5 refused: other session"},
	{"nor do they lower what is demanded", "A expected at 1 wanted 2 doubted overdue; 3 none", "3 refused: needed"},

	// Without proof a connection is given to the only lease that it may be for:
	// if it is the only connection, and once the transfer of the lease has been
	// asked for.
	{"before that it may shake hands", "A unlikely open at 1; 2 none", "2 shakes for A"},
	{"once", "A unlikely open at 1; 2 none full for A", ""},
	{"not while another does", "A unlikely open at 1 shaking; 2 none", ""},
	{"beside one that is silent, too", "A unlikely open at 1; 2 none; 3 silent", "2 shakes for A"},
	{"but not if another comes first", "A unlikely open at 1; 2 none; 3 claims A", "3 shakes for A"},
	{"one that claims it from elsewhere comes behind", "A unlikely open at 1; 2 none; 3 claims A away", "2 shakes for A; A contested"},
	{"and is hurried if it was before", "A unlikely open at 1 shaking; 2 claims A away shaking; 3 none", "A contested"},
	{"nor waits for one who has had the handshake", "A unlikely open at 1; 2 none full for A; 3 claims A away", "3 shakes for A"},
	{"one that came before the lease may not", "A unlikely open at 2; 1 silent; 3 none", "3 shakes for A"},
	{"nor one from elsewhere", "A unlikely open at 1; 2 none; 3 silent away", "2 shakes for A"},
	{"nor one that came after a guest", "A unlikely open at 1; B untested guest at 3; 2 none; 4 silent", "2 shakes for A"},
	{"nor another session's", "A unlikely open at 1; B expected at 2; 3 none; 4 claims B", "3 shakes for A; 4 shakes for B"},
	{"whatever leases demand proof", "A unlikely open at 1; B expected at 2; C required at 3; 4 none", "4 shakes for A"},
	{"or are good for proof only", "A unlikely open at 2; B untested at 1 doubted; 3 none", "3 shakes for A"},
	{"asked for, it is given", "A unlikely open at 1 wanted 3; 2 none", "2 is given to A"},
	{"after its handshake too", "A unlikely open at 1 wanted 3; 2 none full for A", "2 is given to A"},
	{"after a claim that proved nothing too", "A unlikely open at 1 wanted 3; 2 claims A full", "2 is given to A"},
	{"nothing known: it spoke after that", "A untested open at 1 wanted 3; 2 none said 4", "2 is given to A"},
	{"before that: a better one may come", "A untested open at 1 wanted 3; 2 none", "A waits for better"},
	{"none came", "A untested open at 1 wanted 3 patient; 2 none", "2 is given to A"},
	{"one that is silent may be better", "A unlikely open at 1 wanted 3; 2 none; 4 silent", "A waits for better"},
	{"or it was not", "A unlikely open at 1 wanted 3 patient; 2 none; 4 silent", "2 is given to A"},
	{"not one that is silent elsewhere", "A unlikely open at 1 wanted 3; 2 none; 4 silent away", "2 is given to A"},
	{"nor one that came after a guest", "A unlikely open at 1 wanted 3; B untested guest at 4; 2 none; 5 silent", "2 is given to A"},
	{"a claim comes first", "A unlikely open at 1 wanted 3 patient; 2 none; 4 claims A", "4 shakes for A"},
	{"and while its handshake goes on", "A unlikely open at 1 wanted 3 patient shaking; 2 none; 4 claims A shaking", ""},
	{"one from elsewhere is waited for", "A unlikely open at 1 wanted 3; 2 none; 4 claims A away", "4 shakes for A; A waits for better; A contested"},
	{"not again", "A unlikely open at 1 wanted 3 patient; 2 none; 4 claims A away", "2 is given to A; A contested"},
	{"even in the middle of its handshake", "A unlikely open at 1 wanted 3 patient shaking; 2 none; 4 claims A away shaking; 5 claims A away", "2 is given to A; A contested"},
	{"one of another lease does not count", "A unlikely open at 1 wanted 3; B expected at 2; 4 none; 5 claims B", "4 is given to A; 5 shakes for B"},
	{"from elsewhere it is nobody's", "A unlikely open at 1 wanted 3; 2 none away", "2 refused: roams"},
	{"after a claim that failed too", "A untested open at 1 wanted 3 patient; 2 claims A full away", "2 refused: roams"},
	{"it came before its lease", "A unlikely open at 3 wanted 4; 2 none", "2 refused: early"},
	{"or before anybody was told of it", "A unlikely open; 2 none", "2 refused: early"},
	{"its handshake was another lease's", "A unlikely open at 1 wanted 3; B expected at 2; 4 claims B full", "4 refused: needed"},
	{"or that of one that has ended", "A unlikely open at 1 wanted 3; 2 none full", "2 refused: needed"},
	{"one under way is left alone", "A unlikely open at 1 wanted 3 shaking; 2 none shaking for A", ""},

	// Two without proof: one is not the client's, so neither gets anything.
	{"two", "A unlikely open at 1; 2 none; 3 none", "2 refused: second; 3 refused: second; A doubted"},
	{"two of which one had its handshake", "A unlikely open at 1; 2 none full for A; 3 none", "2 refused: second; 3 refused: second; A doubted"},
	{"two of which one is having it", "A unlikely open at 1 shaking; 2 none shaking for A; 3 none", "3 refused: second; A doubted"},
	{"two whose transfer is asked for", "A untested open at 1 wanted 4; 2 none; 3 none", "2 refused: second; 3 refused: second; A doubted; A waits for proof"},
	{"they are not two with one from elsewhere", "A unlikely open at 1 wanted 4; 2 none; 3 none away", "2 is given to A; 3 refused: roams"},
	{"nor with one that was too early", "A unlikely open at 2 wanted 4; 1 none; 3 none", "1 refused: early; 3 is given to A"},
	{"nor with a handshake of a lease that ended", "A unlikely open at 2 wanted 4; 1 none shaking; 3 none", "3 is given to A"},
	{"from then on only proof counts", "A untested open at 1 doubted; 2 none", "2 refused: shared"},
	{"for some time", "A untested open at 1 wanted 2 doubted", "A waits for proof"},
	{"which ends", "A untested open at 1 wanted 2 doubted overdue", "A ends: ambiguous"},
	{"not before the transfer is asked for", "A untested open at 1 doubted overdue", ""},
	{"not while a claim is looked into", "A untested open at 1 wanted 2 doubted overdue shaking; 3 claims A shaking", ""},
	{"nor when its turn has just come", "A untested open at 1 wanted 2 doubted overdue; 3 claims A", "3 shakes for A"},
	{"it does for one that lost its place too", "A untested at 1 wanted 2 doubted overdue", "A ends: ambiguous"},
	{"where proof is demanded it does not", "A required at 1 wanted 2 doubted overdue", ""},

	// Guests: from their coming on, a connection without proof may be
	// anybody's.
	{"with a guest it is nobody's", "A untested open at 1; B untested guest at 2; 3 none", "3 refused: shared; A doubted; B doubted"},
	{"with a guest and none else", "A expected at 1; B untested guest at 2; 3 none", "3 refused: shared; B doubted"},
	{"two that asked wait for proof", "A untested open at 1 wanted 4; B untested guest at 2 wanted 5; 3 none", "3 refused: shared; A doubted; A waits for proof; B doubted; B waits for proof"},
	{"the only one that asked waits for the others to ask", "A untested open at 1; B untested guest at 2 wanted 4; 3 none", "B waits for others"},
	{"and is given it when none has", "A untested open at 1; B untested guest at 2 wanted 5 alone; C unlikely guest at 3; 4 none", "4 is given to B; A doubted; C doubted"},
	{"the open one too", "A untested open at 1 wanted 4 alone; B untested guest at 2; 3 none", "3 is given to A; B doubted"},
	{"whatever it had claimed of it", "A expected at 1; B untested guest at 2 wanted 4 alone; 3 claims B full", "3 is given to B"},
	{"but not of another", "A expected at 1; B untested guest at 2 wanted 4 alone; 3 claims A full", "3 refused: shared; B doubted; B waits for proof"},
	{"a claim comes first there as well", "A untested open at 1; B untested guest at 2 wanted 4 alone; 3 none; 5 claims B", "5 shakes for B"},
	{"but not from elsewhere, after so long", "A untested open at 1; B untested guest at 2 wanted 4 alone; 3 none; 5 claims B away", "3 is given to B; A doubted; B contested"},
	{"two connections are nobody's", "A untested open at 1; B untested guest at 2 wanted 4 alone; 3 none; 5 none", "3 refused: shared; 5 refused: shared; A doubted; B doubted; B waits for proof"},
	{"nor is one from elsewhere", "A untested open at 1; B untested guest at 2 wanted 4 alone; 3 none away", "3 refused: roams"},
	{"nor one that came before it", "A untested open at 1; B untested guest at 2; C untested guest at 4 wanted 5 alone; 3 none", "3 refused: shared; A doubted; B doubted; C doubted; C waits for proof"},
	{"nor one that may be that of a lease in doubt", "A untested open at 1; B untested guest at 2 wanted 4 alone doubted; 3 none", "3 refused: shared; A doubted; B doubted; B waits for proof"},
	{"one that was there before can only be A's", "A unlikely open at 1 wanted 2; B untested guest at 4; 3 none", "3 is given to A"},
	{"and a later one doubts only the guest", "A unlikely open at 1; B untested guest at 3; 2 none; 4 none", "2 shakes for A; 4 refused: shared; B doubted"},
	{"though A's is silent yet", "A unlikely open at 1 wanted 5; B untested guest at 3; 2 silent; 4 none", "4 refused: shared; B doubted"},
	{"or had its handshake", "A unlikely open at 1; B untested guest at 3; 2 claims A full; 4 none", "4 refused: shared; B doubted"},
	{"one elsewhere is not A's", "A unlikely open at 1; B untested guest at 3; 2 silent away; 4 none", "4 refused: shared; A doubted; B doubted"},
	{"nor one of another session", "A unlikely open at 1; B untested guest at 3; C expected at 4; 2 claims C; 5 none", "2 shakes for C; 5 refused: shared; A doubted; B doubted"},
	{"a guest that was told nothing yet is none", "A unlikely open at 1 wanted 3; B untested guest; 2 none", "2 is given to A"},
	{"nor is it doubted", "A expected at 1; B untested guest at 2; C untested guest; 3 none", "3 refused: shared; B doubted"},
	{"of two guests the first counts", "A unlikely open at 1 wanted 2; B untested guest at 5; C untested guest at 3; 4 none", "A waits for others"},
	{"with none open there is nobody to give it to", "A expected at 1; B untested guest at 3 wanted 4; 2 none", "2 refused: needed"},

	// A lease ends after a failed claim, so that its client hears of it, unless another connection comes.
	{"it waits for another", "A required at 1 wanted 2 failed", "A waits for another"},
	{"none came", "A required at 1 wanted 2 failed unheard", "A ends: unproven"},
	{"not before the transfer is asked for", "A required at 1 failed unheard", ""},
	{"one has come", "A required at 1 wanted 2 failed; 3 silent", ""},
	{"one has come late", "A required at 1 wanted 2 failed unheard; 3 silent", "A reset"},
	{"one from elsewhere is none until it claims", "A required at 1 wanted 2 failed unheard; 3 silent away", "A ends: unproven"},
	{"then it is", "A required at 1 wanted 2 failed unheard shaking; 3 claims A away shaking", "A reset"},
	{"its turn has come", "A required at 1 wanted 2 failed unheard; 3 claims A", "3 shakes for A"},
	{"it is given one without proof", "A unlikely open at 1 wanted 2 failed unheard; 3 none", "3 is given to A"},
	{"a better one is waited for first", "A untested open at 1 wanted 3 failed; 2 none", "A waits for better"},
	{"and not given up either", "A untested open at 1 wanted 3 failed unheard; 2 none", "A waits for better"},
	{"strays are none", "A expected at 1 wanted 2 failed; 3 none", "3 refused: needed; A waits for another"},
	{"doubt is waited out before", "A untested open at 1 wanted 2 doubted failed unheard", "A waits for proof"},
}

func TestJudge(t *testing.T) {
	for _, c := range judged {
		assert.Equal(t, c.want, ruled(t, judge, c.facts), "%s: %s", c.why, c.facts)
	}
}

// The rule is asked at every event on a port, and uses its memory again when it is asked about as many leases and
// connections.
func TestJudgeAllocatesOnce(t *testing.T) {
	f := readFacts(t, "A expected at 1; 2 silent")
	var v verdict
	judge(f, &v)
	require.Zero(t, testing.AllocsPerRun(100, func() { judge(f, &v) }))
}

// The table has a case for every reason to refuse, every thing to do and every time to wait for.
func TestJudgeTableIsWhole(t *testing.T) {
	var all strings.Builder
	for _, c := range judged {
		all.WriteString(c.want + ";")
	}
	for _, name := range reasons {
		require.Contains(t, all.String(), "refused: "+name+";")
	}
	for _, name := range endings {
		require.Contains(t, all.String(), "ends: "+name+";")
	}
	for _, name := range waits {
		require.Contains(t, all.String(), "waits for "+name+";")
	}
	for _, deed := range []string{" shakes for ", " is given to ", " doubted;", " reset;", " contested;"} {
		require.Contains(t, all.String(), deed)
	}
}
