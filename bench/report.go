package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// A report is the result of one run of this program, in the form of the JSON.
type report struct {
	Machine  machine   `json:"machine"`
	Servers  []version `json:"servers"`
	Limit    string    `json:"limit,omitempty"` // the contender that is the limit, and no server
	Quick    bool      `json:"quick,omitempty"` // a trial: the numbers mean nothing
	Outcomes []outcome `json:"workloads"`
}

// An outcome is the result of a workload.
type outcome struct {
	Workload string `json:"name"`
	Title    string `json:"title"`
	Unit     string `json:"unit"`
	Rows     []row  `json:"results"` // in the order of the contenders
}

// A row is the result of one server in one workload: a sample for each run that
// has worked, and an error for each that has not.
type row struct {
	Server  string   `json:"server"`
	Samples []sample `json:"samples"`
	Errors  []string `json:"errors,omitempty"`
}

// A spread is the median of samples, with the least and the greatest.
type spread struct{ median, least, most float64 }

// has reports whether any sample has the metric.
func (r row) has(m metric) bool {
	return slices.ContainsFunc(r.Samples, func(s sample) bool { _, ok := s[m]; return ok })
}

// of returns the spread of a metric, zero if no sample has it.
func (r row) of(m metric) spread {
	var all []float64
	for _, s := range r.Samples {
		if v, ok := s[m]; ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	n := len(all)
	return spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

// whole reports whether every run has done all that was asked.
func (r row) whole() bool {
	return len(r.Samples) > 0 && len(r.Errors) == 0 && !slices.ContainsFunc(r.Samples, func(s sample) bool {
		return s[done] != s[asked] || s[stolen] != 0
	})
}

// rounds returns how often the workload was run, failed runs included.
func (o outcome) rounds() int {
	n := 0
	for _, r := range o.Rows {
		n = max(n, len(r.Samples)+len(r.Errors))
	}
	return n
}

// row returns the row of a server, an empty one if there is none.
func (o outcome) row(server string) row {
	i := slices.IndexFunc(o.Rows, func(r row) bool { return r.Server == server })
	if i < 0 {
		return row{Server: server}
	}
	return o.Rows[i]
}

// readReport reads a report that write has written.
func readReport(path string) (*report, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rep := new(report)
	if err := json.Unmarshal(content, rep); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rep, nil
}

// write writes the report to a file.
func (rep *report) write(path string) error {
	content, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		return err
	}
	return replace(path, append(content, '\n'))
}
