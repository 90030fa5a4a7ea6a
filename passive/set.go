package passive

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// anyText is how the set of ports chosen by the system is written.
const anyText = "any"

// span is a run of consecutive ports, both ends included.
type span struct{ first, last uint16 }

// portSet holds spans in ascending order that neither touch nor overlap, so equal sets print alike. Empty means that
// the system chooses.
type portSet []span

// bitmap has one entry per port; it makes overlaps and exclusions trivial while a set is being read.
type bitmap [1 << 16]bool

func (s portSet) size() int {
	n := 0
	for _, r := range s {
		n += int(r.last) - int(r.first) + 1
	}
	return n
}

// at returns the i-th port in ascending order.
func (s portSet) at(i int) uint16 {
	for _, r := range s {
		size := int(r.last) - int(r.first) + 1
		if i < size {
			return r.first + uint16(i)
		}
		i -= size
	}
	panic("passive: index outside the set")
}

func (s portSet) all() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for _, r := range s {
			// An int, because a uint16 that has reached 65535 never passes it.
			for n := int(r.first); n <= int(r.last); n++ {
				if !yield(uint16(n)) {
					return
				}
			}
		}
	}
}

func (s portSet) String() string {
	if len(s) == 0 {
		return anyText
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(r.first)))
		if r.last > r.first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(int(r.last)))
		}
	}
	return b.String()
}

func (m *bitmap) fill(r span, value bool) {
	for n := int(r.first); n <= int(r.last); n++ {
		m[n] = value
	}
}

func (m *bitmap) touches(r span) bool {
	for n := int(r.first); n <= int(r.last); n++ {
		if m[n] {
			return true
		}
	}
	return false
}

func (m *bitmap) set() portSet {
	var s portSet
	for n, in := range m {
		if !in {
			continue
		}
		if last := len(s) - 1; last >= 0 && int(s[last].last) == n-1 {
			s[last].last = uint16(n)
			continue
		}
		s = append(s, span{uint16(n), uint16(n)})
	}
	return s
}

// parseSet reads a comma-separated list and reports everything that is wrong with it at once, so that a configuration
// is mended in one go.
func parseSet(text string) (portSet, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("passive: the set of ports is empty; write a range such as 21000-21010, or %q", anyText)
	}
	var errs []error
	var exclusions []string
	var ports bitmap
	for piece := range strings.SplitSeq(text, ",") {
		piece = strings.TrimSpace(piece)
		if rest, ok := strings.CutPrefix(piece, "!"); ok {
			exclusions = append(exclusions, strings.TrimSpace(rest))
			continue
		}
		r, err := parseSpan(piece)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ports.fill(r, true)
	}
	// Exclusions act on the whole set, wherever they stand in it.
	errs = append(errs, exclude(&ports, exclusions, len(errs) == 0)...)
	set := ports.set()
	if len(errs) == 0 && len(set) == 0 {
		errs = append(errs, fmt.Errorf("passive: ports %q: nothing is left once the exclusions are applied", text))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return set, nil
}

// exclude takes pieces out of ports. An exclusion that hits nothing is almost surely a typing error; whether one hits
// is known only when every other piece was understood (complete).
func exclude(ports *bitmap, pieces []string, complete bool) []error {
	var errs []error
	var spans []span
	for _, piece := range pieces {
		r, err := parseSpan(piece)
		switch {
		case err != nil:
			errs = append(errs, err)
		case complete && !ports.touches(r):
			errs = append(errs, fmt.Errorf("passive: ports %q: excludes nothing; name ports of the set or remove it", "!"+piece))
		default:
			spans = append(spans, r)
		}
	}
	for _, r := range spans {
		ports.fill(r, false)
	}
	return errs
}

func parseSpan(piece string) (span, error) {
	from, to, isRange := strings.Cut(piece, "-")
	first, ok := parsePort(from)
	last, okLast := first, ok
	if isRange {
		last, okLast = parsePort(to)
	}
	switch {
	case piece == "":
		return span{}, errors.New("passive: ports: nothing between two commas; write a port such as 21000, or remove the comma")
	case ok && okLast && first <= last:
		return span{first, last}, nil
	case ok && okLast:
		return span{}, fmt.Errorf("passive: ports %q: reversed; write %d-%d", piece, last, first)
	}
	// The notations of iptables, of mathematics and of word processors.
	plain := strings.NewReplacer(":", "-", "..", "-", "–", "-").Replace(piece)
	if plain != piece {
		if r, err := parseSpan(plain); err == nil {
			return span{}, fmt.Errorf("passive: ports %q: write %s", piece, portSet{r})
		}
	}
	return span{}, fmt.Errorf("passive: ports %q: want a port from 1 to 65535 such as 21000, or a range such as 21000-21010", piece)
}

func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	return uint16(n), err == nil && n > 0
}
