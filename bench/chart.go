package main

import (
	"fmt"
	"slices"
	"strings"
)

// Places and sizes in the chart, in pixels. Letters are about 6.5 wide.
const (
	chartWidth  = 760
	margin      = 16
	panelWidth  = (chartWidth - 3*margin) / 2
	labelWidth  = 70
	valueWidth  = 64
	barWidth    = panelWidth - labelWidth - valueWidth
	barHeight   = 12
	lineHeight  = 19
	panelHead   = 40
	footerLines = 2
)

// chartStyle serves light and dark pages. The chart has its own background,
// since the page around it need not follow the system's preference.
const chartStyle = `<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.faint { fill: #59636e; font-size: 11px }
.ours { font-weight: 600 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.bar { fill: #afb8c1 }
.bar.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.faint { fill: #9198a1 }
.page { fill: #0d1117; stroke: #3d444d }
.bar { fill: #59636e }
.bar.ours { fill: #4493f8 }
}
</style>
`

// chart returns the main costs as an SVG that needs no other files.
func (rep *report) chart() []byte {
	const columns = 2
	height := panelHead + len(rep.Servers)*lineHeight + margin
	drawn := slices.DeleteFunc(slices.Clone(highlights), func(h highlight) bool { return !h.drawn })
	rows := (len(drawn) + columns - 1) / columns
	var out strings.Builder
	total := margin + rows*height + footerLines*16 + margin/2
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", chartWidth, total)
	out.WriteString("<title>What FTPS servers cost</title>\n" + chartStyle)
	fmt.Fprintf(&out, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>`+"\n", chartWidth-1, total-1)
	for i, h := range drawn {
		fmt.Fprintf(&out, `<g transform="translate(%d %d)">`+"\n", margin+i%columns*(panelWidth+margin), margin+i/columns*height)
		rep.panel(&out, h)
		out.WriteString("</g>\n")
	}
	for i, line := range []string{"Medians. " + rep.Machine.String() + ".", known(rep.Servers) + "."} {
		words(&out, "faint", margin, margin+rows*height+12+16*i, "", line)
	}
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// panel draws one highlight.
func (rep *report) panel(out *strings.Builder, h highlight) {
	words(out, "title", 0, 12, "", h.title)
	o, c, ok := rep.find(h)
	if !ok {
		words(out, "faint", 0, 28, "", string(notRun))
		return
	}
	words(out, "faint", 0, 28, "", h.caption(c))
	longest := 0.0
	for _, r := range o.Rows {
		longest = max(longest, h.length(r))
	}
	for i, s := range rep.Servers {
		r := o.row(s.Name)
		class := ""
		if s.Name == ours {
			class = "ours"
		}
		y := panelHead + i*lineHeight
		words(out, class, labelWidth-8, y+barHeight-2, "end", s.Name)
		x := float64(labelWidth)
		if v := h.length(r); v > 0 {
			width := max(1, barWidth*v/longest)
			fmt.Fprintf(out, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="1.5"/>`+"\n",
				strings.TrimSpace("bar "+class), labelWidth, y, width, barHeight)
			x += width + 6
		}
		words(out, class, int(x), y+barHeight-2, "", median(c, r))
	}
}

// caption returns what the bars show.
func (h highlight) caption(c column) string {
	if h.metric == done {
		return c.head() + ", more is better"
	}
	return c.head() + ", less is better"
}

// length returns the value that a row's bar shows: 0 draws no bar.
func (h highlight) length(r row) float64 {
	if h.metric == done {
		return r.of(done).median / max(1, r.of(asked).median)
	}
	return r.of(h.metric).median
}

// escape escapes text for XML.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// words writes text that begins at a place, or ends there if anchor is "end".
func words(out *strings.Builder, class string, x, y int, anchor, what string) {
	out.WriteString("<text")
	for _, a := range [][2]string{{"class", class}, {"text-anchor", anchor}} {
		if a[1] != "" {
			fmt.Fprintf(out, ` %s="%s"`, a[0], a[1])
		}
	}
	fmt.Fprintf(out, ` x="%d" y="%d">%s</text>`+"\n", x, y, escape.Replace(what))
}
