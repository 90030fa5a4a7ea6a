package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// line is a line of the table.
type line struct{ what, client, control, data, result string }

// table collects what the cases have shown.
type table struct {
	mu    sync.Mutex
	lines []line
}

func (tab *table) add(l line) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.lines = append(tab.lines, l)
}

// print logs the table.
func (tab *table) print(t testing.TB) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	slices.SortStableFunc(tab.lines, func(a, b line) int { return cmp.Compare(a.what, b.what) })
	var b strings.Builder
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	head := line{"case", "client", "control", "data ports", "result"}
	for _, l := range append([]line{head}, tab.lines...) {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", l.what, l.client, l.control, l.data, l.result)
	}
	if err := out.Flush(); err != nil {
		t.Error(err)
	}
	t.Logf("what was shown:\n%s", b.String())
}

// verdict returns the result of a visit as the client's user sees it.
func (r result) verdict() string {
	if r.err == nil {
		return "works"
	}
	var said []string
	for l := range strings.Lines(r.all) {
		l = strings.TrimSpace(l)
		if i := strings.Index(l, "Fatal error: "); i >= 0 {
			l = "**** " + l[i:]
		}
		if strings.HasPrefix(l, "curl: (") || strings.HasPrefix(l, "**** ") {
			said = append(said, strings.TrimPrefix(l, "**** "))
		}
	}
	return "fails: " + cmp.Or(strings.Join(said, "; "), r.err.Error())
}
