package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// judge compares the report with the marks.
func (rep *report) judge() []verdict {
	var all []verdict
	for _, m := range marks {
		found := false
		for _, o := range rep.Outcomes {
			if match, _ := path.Match(m.workload, o.Workload); match && len(o.row(m.subject()).Samples)+len(o.row(m.subject()).Errors) > 0 {
				all = append(all, rep.verdict(m, o))
				found = true
			}
		}
		if !found {
			all = append(all, verdict{mark: m, workload: m.workload, state: notRun})
		}
	}
	return all
}

// verdict judges a workload that was run on the contender that has the mark.
func (rep *report) verdict(m mark, o outcome) verdict {
	v := verdict{mark: m, workload: o.Workload, state: short}
	our := o.row(m.subject())
	if len(our.Samples) == 0 || len(our.Errors) > 0 {
		v.because = "failed: " + our.Errors[0]
		return v
	}
	var good bool
	switch m.than {
	case absolute:
		good, v.because = our.of(m.metric).median <= m.factor, m.shown(o, our)
	case allAsked:
		good, v.because = our.has(asked) && our.whole(), transfers().cell(our)
	case never:
		good, v.because = our.of(m.metric).most == 0, count(our.of(m.metric).most)
	default:
		other, what := rep.other(m, o)
		if other.Samples == nil {
			v.state, v.because = rep.without(m, o)
			return v
		}
		ratio := our.of(m.metric).median / other.of(m.metric).median
		good = ratio <= m.factor
		if m.than == everyPeer {
			good = ratio > m.factor
		}
		v.because = fmt.Sprintf("%s x %s %s", number(ratio), what, m.shown(o, other))
	}
	if good {
		v.state = met
	}
	return v
}

// other returns the row that a mark compares with, and words for whose it is. The
// row is empty if there is none.
func (rep *report) other(m mark, o outcome) (row, string) {
	switch m.than {
	case theLimit:
		return rep.limitOf(m, o), "the limit's"
	case single:
		return whole(o.row(ours), m.metric), "one process's"
	case forking:
		return whole(o.row("vsftpd"), m.metric), "vsftpd's"
	}
	var best row
	for _, r := range rep.servers(o) {
		better := r.of(m.metric).median < best.of(m.metric).median
		if m.than == everyPeer {
			better = r.of(m.metric).median > best.of(m.metric).median
		}
		if r.Server != ours && r.Server != split && r.whole() && r.has(m.metric) && (best.Samples == nil || better) {
			best = r
		}
	}
	return best, best.Server + "'s"
}

// whole returns r if all its runs were complete and have the metric, else an empty
// row.
func whole(r row, m metric) row {
	if !r.whole() || !r.has(m) {
		return row{}
	}
	return r
}

// servers returns the rows without that of the limit.
func (rep *report) servers(o outcome) []row {
	return slices.DeleteFunc(slices.Clone(o.Rows), func(r row) bool { return r.Server == rep.Limit })
}

// limitOf returns the row of the limit in a workload with the same unit.
func (rep *report) limitOf(m mark, o outcome) row {
	for _, other := range rep.Outcomes {
		if r := other.row(rep.Limit); other.Unit == o.Unit && r.has(m.metric) {
			return r
		}
	}
	return row{}
}

// without returns the state of a mark that has nothing to compare with. The mark is
// met if all peers have failed where Sallyport has not.
func (rep *report) without(m mark, o outcome) (state, string) {
	if (m.than == bestPeer || m.than == everyPeer) && len(rep.servers(o)) > 1 {
		return met, "no other server has done it whole"
	}
	return notRun, "nothing was run to compare with"
}

// shown returns the cell of the metric in a row, in the unit of the outcome's
// table.
func (m mark) shown(o outcome, r row) string {
	for _, c := range columns(o.Unit, o.Rows) {
		if c.metric == m.metric {
			return strings.TrimSpace(c.middle(r) + " " + c.unit)
		}
	}
	return nothing
}

// String returns in words what the mark wants.
func (m mark) String() string {
	name := map[metric]string{cpu: "CPU", rate: "rate", each: "memory", peak: "peak memory", done: "transfers", stolen: "stolen", slower: "longer than alone"}[m.metric]
	if m.subject() == split {
		name = "run-as: " + name
	}
	switch m.than {
	case single:
		return fmt.Sprintf("%s <= %.2f x one process", name, m.factor)
	case forking:
		return fmt.Sprintf("%s <= %.2f x vsftpd", name, m.factor)
	case bestPeer:
		return fmt.Sprintf("%s <= %.2f x best other server", name, m.factor)
	case theLimit:
		return fmt.Sprintf("%s <= %.2f x limit", name, m.factor)
	case everyPeer:
		return name + " > every other server"
	case allAsked:
		return "all " + name + " done"
	case never:
		return "none " + name
	case absolute:
		limit := inBytes
		if m.metric == slower {
			limit = number
		}
		return fmt.Sprintf("%s <= %s", name, limit(m.factor))
	}
	return name
}

// missed returns how many marks are missed.
func missed(verdicts []verdict) int {
	n := 0
	for _, v := range verdicts {
		if v.state == short {
			n++
		}
	}
	return n
}
