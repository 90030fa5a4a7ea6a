package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// judged returns the verdict on a workload that has a mark.
func judged(m mark, rows ...row) verdict {
	rep := &report{Limit: "limit", Outcomes: []outcome{{Workload: "w", Unit: "file", Rows: rows}}}
	return rep.verdict(m, rep.Outcomes[0])
}

// costing returns a row whose samples have one metric.
func costing(server string, m metric, values ...float64) row {
	r := row{Server: server}
	for _, v := range values {
		r.Samples = append(r.Samples, sample{m: v})
	}
	return r
}

func TestBestPeer(t *testing.T) {
	m := mark{"w", cpu, bestPeer, 0.5}
	our := costing(ours, cpu, 1, 2, 9)
	cheap, dear := costing("cheap", cpu, 4), costing("dear", cpu, 5)

	v := judged(m, our, dear, cheap)
	require.Equal(t, met, v.state)
	require.Contains(t, v.because, "0.50 x cheap's 4.00 s/file")
	require.Equal(t, short, judged(m, our, dear, costing("cheap", cpu, 3.9)).state)

	// A server that has failed sometimes doesn't count, and the limit is no peer.
	cheap.Errors = []string{"sometimes"}
	v = judged(m, our, dear, cheap, costing("limit", cpu, 1))
	require.Contains(t, v.because, "dear's")
	part := row{Server: "part", Samples: []sample{{cpu: 1, done: 1, asked: 2}}}
	require.Contains(t, judged(m, our, dear, part).because, "dear's")

	v = judged(m, our, part)
	require.Equal(t, met, v.state)
	require.Equal(t, "no other server has done it whole", v.because)
	require.Equal(t, notRun, judged(m, our).state)

	our.Errors = []string{"out of order"}
	v = judged(m, our, dear)
	require.Equal(t, short, v.state)
	require.Equal(t, "failed: out of order", v.because)
}

func TestEveryPeer(t *testing.T) {
	m := mark{"w", rate, everyPeer, 1}
	require.Equal(t, met, judged(m, costing(ours, rate, 10), costing("a", rate, 9), costing("b", rate, 3)).state)
	require.Equal(t, short, judged(m, costing(ours, rate, 10), costing("a", rate, 9), costing("b", rate, 10)).state)
}

func TestAbsoluteMarks(t *testing.T) {
	require.Equal(t, met, judged(mark{"w", each, absolute, 16 << 10}, costing(ours, each, 1, 16<<10, 99<<10)).state)
	require.Equal(t, short, judged(mark{"w", each, absolute, 16 << 10}, costing(ours, each, 17<<10)).state)

	all := mark{"w", done, allAsked, 0}
	require.Equal(t, met, judged(all, row{Server: ours, Samples: []sample{{done: 2, asked: 2}, {done: 2, asked: 2}}}).state)
	require.Equal(t, short, judged(all, row{Server: ours, Samples: []sample{{done: 2, asked: 2}, {done: 1, asked: 2}}}).state)
	require.Equal(t, short, judged(all, costing(ours, cpu, 1)).state)

	none := mark{"w", stolen, never, 0}
	require.Equal(t, met, judged(none, costing(ours, stolen, 0, 0, 0)).state)
	require.Equal(t, short, judged(none, costing(ours, stolen, 0, 0, 1)).state)
}

// TestJudge checks that every mark gets a verdict for each workload that its pattern matches.
func TestJudge(t *testing.T) {
	ran := outcome{Workload: "thief-one", Rows: []row{costing(ours, done, 1)}}
	other := outcome{Workload: "thief-two", Rows: ran.Rows}
	foreign := outcome{Workload: "login", Rows: []row{costing("a", cpu, 1)}}
	verdicts := (&report{Outcomes: []outcome{ran, other, foreign}}).judge()
	require.Len(t, verdicts, len(marks)+2)
	count := map[state]int{}
	for _, v := range verdicts {
		count[v.state]++
		if v.workload == "login" {
			require.Equal(t, notRun, v.state)
		}
	}
	require.Equal(t, len(marks)-2, count[notRun])
	require.Equal(t, count[short], missed(verdicts))
}

// TestMarksOfSplit checks that the marks of the server in several processes compare it with one process and with
// vsftpd, and that it counts as no other server's peer.
func TestMarksOfSplit(t *testing.T) {
	rows := []row{costing(ours, cpu, 10), costing(split, cpu, 5), costing("vsftpd", cpu, 20)}
	for m, want := range map[mark]state{
		{"w", cpu, single, 0.5}:   met,
		{"w", cpu, single, 0.4}:   short,
		{"w", cpu, forking, 0.25}: met,
		{"w", cpu, forking, 0.2}:  short,
		{"w", cpu, bestPeer, 0.5}: met,
	} {
		require.Equal(t, want, judged(m, rows...).state, m)
	}
	require.Equal(t, notRun, judged(mark{"w", cpu, forking, 1}, rows[1]).state)
	require.Equal(t, notRun, judged(mark{"w", cpu, single, 1}, rows[1], rows[2]).state)
	require.Equal(t, "run-as: CPU <= 0.50 x one process", mark{"w", cpu, single, 0.5}.String())
}
