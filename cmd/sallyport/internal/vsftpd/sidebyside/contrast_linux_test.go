package sidebyside

import "strings"

// contrast returns the differences that were heard with the same file, by session. Those of the start have no session.
func contrast(theirs, ours *Heard) map[string][]Difference {
	all := map[string][]Difference{}
	if a, b := started(theirs), started(ours); a != b {
		all[""] = []Difference{{"(start)", a, b}}
	}
	for key, steps := range theirs.Sessions {
		others, ok := ours.Sessions[key]
		if !ok {
			continue
		}
		all[key] = compare(steps, others)
		script, _, _ := strings.Cut(key, " ")
		all[key] = append(all[key], lines("(files after "+script+")", strings.Split(theirs.Files[key], "\n"), strings.Split(ours.Files[key], "\n"))...)
	}
	return all
}

// started returns how a daemon started.
func started(h *Heard) string {
	_, oops, ok := strings.Cut(h.Start, "500 OOPS: ")
	switch {
	case h.Start == "":
		return "serves"
	case !ok:
		return h.Start
	}
	oops, _, _ = strings.Cut(oops, "\n")
	return "500 OOPS: " + strings.TrimSpace(oops)
}
