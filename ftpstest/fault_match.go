package ftpstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// groups are names for several verbs, for Fault.To.
var groups = map[string][]string{
	"connect":  {connect},
	"login":    {"PASS"},
	"passive":  {"PASV", "EPSV"},
	"download": {"RETR"},
	"upload":   {"STOR", "APPE", "STOU"},
	"listing":  {"LIST", "NLST", "MLSD"},
	"transfer": {"RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"},
}

// connect stands for the greeting among the verbs.
const connect = "connect"

// verbs returns the verbs that a fault happens to, in capitals.
func (f *Fault) verbs() ([]string, error) {
	to := f.To
	if to == "" {
		for _, p := range describe(f.Kind).Params {
			if p.Name == "to" {
				to = p.Default
			}
		}
	}
	var verbs []string
	for name := range strings.SplitSeq(to, "+") {
		name = strings.TrimSpace(name)
		group, ok := groups[name]
		switch {
		case ok:
			verbs = append(verbs, group...)
		case name == "" || strings.Trim(strings.ToUpper(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
			return nil, fmt.Errorf("to=%s: want verbs such as RETR, or %s, joined by +", f.To, strings.Join(slices.Sorted(maps.Keys(groups)), ", "))
		default:
			verbs = append(verbs, strings.ToUpper(name))
		}
	}
	return verbs, nil
}

// ways are the values of How, the default first.
var ways = map[Kind][]string{
	Cut:         {"fin", "rst", "clean"},
	NoNotify:    {"fin", "rst"},
	Drop:        {"fin", "rst"},
	Certificate: {"expired", "host", "unknown"},
}

// how returns How or its default.
func (f *Fault) how() string {
	if f.How == "" {
		return ways[f.Kind][0]
	}
	return f.How
}

// check finds what is wrong with the fields of a kind beyond their form.
func (k *KindInfo) check(f *Fault) error {
	if f.How != "" && !slices.Contains(ways[f.Kind], f.How) {
		return fmt.Errorf("how=%s: want %s", f.How, strings.Join(ways[f.Kind], ", "))
	}
	if f.Kind == Certificate {
		if !slices.Contains([]string{"", "control", "data", "both"}, f.To) {
			return fmt.Errorf("to=%s: want control, data or both", f.To)
		}
		return nil
	}
	verbs, err := f.verbs()
	if err != nil {
		return err
	}
	// Kinds that are about data can happen to transfers only.
	only := map[Kind]string{Cut: "transfer", Stall: "transfer", Slow: "transfer", Reuse: "transfer", NoNotify: "transfer",
		Full: "upload", Announce: "passive"}[f.Kind]
	for _, verb := range verbs {
		if only != "" && !slices.Contains(groups[only], verb) {
			return fmt.Errorf("to=%s: want %s or some of it: %s", f.To, only, strings.Join(groups[only], ", "))
		}
	}
	return nil
}
