package main

import (
	"fmt"
	"math"
	"slices"
)

// A column shows one metric of rows, or two that belong together, in one unit.
type column struct {
	// name says what the column shows, and unit in which unit: the head has both.
	name, unit string

	// metric is the metric that rows are sorted by.
	metric metric

	// says reports whether a row has anything to show. cell returns it with its
	// spread, and middle returns the median alone; a dash stands for nothing.
	says         func(row) bool
	cell, middle func(row) string
}

// columns returns all columns for rows of a workload with this unit.
func columns(unit string, rows []row) []column {
	seconds := scaleOf(rows)
	plural := unit + "s"
	if unit == "GiB" {
		plural = unit
	}
	return []column{
		transfers(),
		scaled(stolen, "stolen", "", count),
		scaled(cpu, "CPU", seconds.suffix+"/"+unit, func(v float64) string { return number(v / seconds.size) }),
		scaled(rate, "rate", plural+"/s", number),
		scaled(peak, "peak memory", "", inBytes),
		scaled(each, "memory/"+unit, "", inBytes),
		scaled(resumed, "resumed", "%", func(v float64) string { return count(100 * v) }),
		scaled(waited, "wait", "", inTime),
		scaled(waitMost, "longest wait", "", inTime),
		scaled(slower, "longer than alone", "x", number),
	}
}

// columnsOf returns the columns that have anything to show of the rows.
func columnsOf(unit string, rows []row) []column {
	return slices.DeleteFunc(columns(unit, rows), func(c column) bool {
		return !slices.ContainsFunc(rows, c.says)
	})
}

// transfers returns the column that shows done and asked.
func transfers() column {
	c := column{name: "transfers", metric: done, says: func(r row) bool { return r.has(asked) }}
	c.middle = func(r row) string {
		if !c.says(r) {
			return nothing
		}
		return fmt.Sprintf("%s of %s", count(r.of(done).median), count(r.of(asked).median))
	}
	c.cell = func(r row) string {
		if !c.says(r) {
			return nothing
		}
		return fmt.Sprintf("%s of %s", spreadOf(r.of(done), count), count(r.of(asked).median))
	}
	return c
}

// scaled returns a column that shows one metric.
func scaled(m metric, name, unit string, show func(float64) string) column {
	c := column{name: name, unit: unit, metric: m, says: func(r row) bool { return r.has(m) }}
	c.middle = func(r row) string {
		if !c.says(r) {
			return nothing
		}
		return show(r.of(m).median)
	}
	c.cell = func(r row) string {
		if !c.says(r) {
			return nothing
		}
		return spreadOf(r.of(m), show)
	}
	return c
}

// head returns the head of the column: name and unit.
func (c column) head() string {
	if c.unit == "" {
		return c.name
	}
	return c.name + " " + c.unit
}

// nothing is shown for what was not measured.
const nothing = "-"

// spreadOf returns the median, with the extremes if they look different from it.
func spreadOf(s spread, show func(float64) string) string {
	middle, least, most := show(s.median), show(s.least), show(s.most)
	if least == most {
		return middle
	}
	return fmt.Sprintf("%s (%s..%s)", middle, least, most)
}

// count returns a whole number with commas between thousands.
func count(v float64) string {
	s := fmt.Sprintf("%.0f", math.Abs(v))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 {
		s = "-" + s
	}
	return s
}

// number returns a number with three significant digits, or more if it has more
// before the point.
func number(v float64) string {
	digits := 2
	for limit := 10.0; math.Abs(v) >= limit && digits > 0; limit *= 10 {
		digits--
	}
	if s := fmt.Sprintf("%.*f", digits, v); s != "-0.00" {
		return s
	}
	return "0.00"
}

// A scale is a unit to show numbers in.
type scale struct {
	size   float64
	suffix string
}

var (
	timeScales = []scale{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}}
	byteScales = []scale{{1 << 20, "MiB"}, {1 << 10, "KiB"}}
)

// fit returns the largest scale in which v is at least one, or the finest scale.
func fit(v float64, scales []scale) scale {
	for _, s := range scales {
		if math.Abs(v) >= s.size {
			return s
		}
	}
	return scales[len(scales)-1]
}

// scaleOf returns one scale in which to compare the CPU times of all rows: the
// largest in which the least time is at least a tenth of the unit.
func scaleOf(rows []row) scale {
	least := math.Inf(1)
	for _, r := range rows {
		if v := r.of(cpu).median; v > 0 {
			least = min(least, v)
		}
	}
	return fit(10*least, timeScales)
}

// inTime and inBytes return a number of seconds and a number of bytes in a fitting
// scale.
func inTime(v float64) string { return in(fit(v, timeScales), v) }

func inBytes(v float64) string { return in(fit(v, byteScales), v) }

func in(s scale, v float64) string { return number(v/s.size) + " " + s.suffix }
