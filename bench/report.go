package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// A report is what one run of this program has found, in the form of the JSON.
type report struct {
	Machine  machine   `json:"machine"`
	Servers  []version `json:"servers"`
	Limit    string    `json:"limit,omitempty"` // the contender that is no server
	Quick    bool      `json:"quick,omitempty"` // a trial: the numbers mean nothing
	Outcomes []outcome `json:"workloads"`
}

// An outcome is what a workload has shown.
type outcome struct {
	Workload string `json:"name"`
	Title    string `json:"title"`
	Unit     string `json:"unit"`
	Rows     []row  `json:"results"` // in the order of the contenders
}

// A row is what one server has shown in one workload: a sample of each run that
// went well, and the complaint of each that did not.
type row struct {
	Server  string   `json:"server"`
	Samples []sample `json:"samples"`
	Errors  []string `json:"errors,omitempty"`
}

// A spread is the middle of some samples with the least and the most of them.
type spread struct{ median, least, most float64 }

// has reports whether any sample has the metric.
func (r row) has(m metric) bool {
	return slices.ContainsFunc(r.Samples, func(s sample) bool { _, ok := s[m]; return ok })
}

// of returns the spread of a metric, zero without samples of it.
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

// whole reports whether every run did all that it was asked to.
func (r row) whole() bool {
	return len(r.Samples) > 0 && len(r.Errors) == 0 && !slices.ContainsFunc(r.Samples, func(s sample) bool {
		return s[done] != s[asked] || s[stolen] != 0
	})
}

// rounds returns how often the workload was run, failures included.
func (o outcome) rounds() int {
	n := 0
	for _, r := range o.Rows {
		n = max(n, len(r.Samples)+len(r.Errors))
	}
	return n
}

// row finds the row of a server; without one it is empty.
func (o outcome) row(server string) row {
	i := slices.IndexFunc(o.Rows, func(r row) bool { return r.Server == server })
	if i < 0 {
		return row{Server: server}
	}
	return o.Rows[i]
}

// readReport reads what write has written.
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

// write puts the report into a file.
func (rep *report) write(path string) error {
	content, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		return err
	}
	return replace(path, append(content, '\n'))
}
