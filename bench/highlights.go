package main

import (
	"path"
	"slices"
	"strings"
)

// A highlight is a number that matters to people who choose a server.
type highlight struct {
	title    string
	workload string // a pattern of path.Match; the first workload run that matches counts
	metric   metric
	drawn    bool // whether the chart shows it, too
}

var highlights = []highlight{
	{"Download over TLS", "tls-down-1", cpu, true},
	{"Upload over TLS", "tls-up-1", cpu, true},
	{"Download in clear", "clear-down-1", cpu, false},
	{"Download of 4 KiB files over TLS", "tls-small-1", cpu, true},
	{"Login over TLS", "login", cpu, true},
	{"Idle session over TLS", "idle", each, true},
	{"LIST of 100,000 files over TLS", "list-100k", cpu, false},
	{"LIST of 1,000,000 files over TLS", "list-1m", peak, false},
	{"200 sessions share 11 data ports", "pressure-11", done, false},
	{"200 sessions share one data port", "pressure-1", done, false},
	{"Transfers while others hog the ports", "squatters-*", done, true},
	{"Transfers while a stranger takes the ports", "thief-other-*", done, false},
	{"Files that a stranger got", "thief-other-*", stolen, false},
}

// find returns the outcome for a highlight, without the row of the limit, and
// the column that shows it.
func (rep *report) find(h highlight) (o outcome, c column, ok bool) {
	i := slices.IndexFunc(rep.Outcomes, func(o outcome) bool { match, _ := path.Match(h.workload, o.Workload); return match })
	if i < 0 {
		return o, c, false
	}
	o = rep.Outcomes[i]
	o.Rows = rep.servers(o)
	all := columns(o.Unit, o.Rows)
	return o, all[slices.IndexFunc(all, func(c column) bool { return c.metric == h.metric })], true
}

// failed is shown for what a server could not do.
const failed = "failed"

// median returns the median of a column, or why there is none.
func median(c column, r row) string {
	if len(r.Samples) == 0 && len(r.Errors) > 0 {
		return failed
	}
	return c.middle(r)
}

// markdown prints the highlights as a table with a line for each highlight
// and a column for each server.
func markdown(out *strings.Builder, rep *report) {
	out.WriteString("| |")
	for _, s := range rep.Servers {
		out.WriteString(" " + s.Name + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat("--:|", len(rep.Servers)) + "\n")
	for _, h := range highlights {
		o, c, ok := rep.find(h)
		if !ok {
			continue
		}
		out.WriteString("| " + h.title)
		if h.metric != done && h.metric != stolen {
			out.WriteString(", " + c.head())
		}
		out.WriteString(" |")
		for _, s := range rep.Servers {
			out.WriteString(" " + median(c, o.row(s.Name)) + " |")
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
}
