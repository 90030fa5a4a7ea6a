package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

var listChecks = []check{
	{"list-many", "A listing is complete however many entries there are, and yields none twice.", listMany},
	{"list-stop", "A listing may be left early, and the FS goes on working.", listStop},
	{"list-cancel", "A listing ends with an error when its context ends.", listCancel},
	{"list-change", "A directory may change while it is listed: what stays is listed, and nothing fails.", listChange},
	{"list-info", "List and Stat agree about size, kind and time.", listInfo},
	{"scan", "Scan shows what List shows.", scanIsList},
}

// many is more entries than an FS reads at once.
const many = 300

func (f *probe) fill(ctx context.Context, dir string, n int) error {
	if err := f.Mkdir(ctx, f.at(dir)); err != nil {
		return err
	}
	for i := range n {
		if err := f.store(ctx, f.at(fmt.Sprintf("%s/%04d", dir, i)), "", driver.StoreOptions{}, false); err != nil {
			return err
		}
	}
	return nil
}

func listMany(ctx context.Context, f *probe) error {
	if err := f.fill(ctx, "d", many); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for fi, err := range f.List(ctx, f.at("d")) {
		if err != nil {
			return err
		}
		if seen[fi.Name()] {
			return fmt.Errorf("%q was listed twice", fi.Name())
		}
		seen[fi.Name()] = true
	}
	if len(seen) != many {
		return fmt.Errorf("%d entries were listed, want %d", len(seen), many)
	}
	return nil
}

// scanIsList compares Scan with List. An FS may have a Scan of its own, or the
// Scan of another FS that is embedded.
func scanIsList(ctx context.Context, f *probe) error {
	if err := errors.Join(f.fill(ctx, "d", many), f.Mkdir(ctx, f.at("d/sub"))); err != nil {
		return err
	}
	for _, nameOnly := range []bool{false, true} {
		want, err := described(f.List(ctx, f.at("d")), nameOnly)
		if err != nil {
			return err
		}
		got, err := described(driver.Scan(ctx, f.FS, f.at("d"), nameOnly), nameOnly)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("with nameOnly %t Scan shows %q, List %q", nameOnly, got, want)
		}
	}
	for name, want := range map[string]error{"missing": fs.ErrNotExist, "d/0000": driver.ErrNotDir} {
		if _, err := described(driver.Scan(ctx, f.FS, f.at(name), false), false); !errors.Is(err, want) {
			return fmt.Errorf("of %q Scan says %v, want %v", name, err, want)
		}
	}
	return nil
}

// described returns what a listing shows, in order.
func described(entries iter.Seq2[fs.FileInfo, error], nameOnly bool) ([]string, error) {
	var all []string
	for fi, err := range entries {
		if err != nil {
			return nil, err
		}
		text := strings.Clone(fi.Name())
		if !nameOnly {
			text = fmt.Sprint(text, " ", fi.Mode(), " ", fi.Size(), " ", fi.ModTime())
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all, nil
}

func listStop(ctx context.Context, f *probe) error {
	if err := f.fill(ctx, "d", 20); err != nil {
		return err
	}
	for range 50 {
		for _, err := range f.List(ctx, f.at("d")) {
			if err != nil {
				return err
			}
			break
		}
	}
	got, err := f.list(ctx, f.at("d"))
	if err == nil && len(got) != 20 {
		err = fmt.Errorf("%d entries were listed afterwards, want 20", len(got))
	}
	return err
}

func listCancel(ctx context.Context, f *probe) error {
	if err := f.fill(ctx, "d", many); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	for _, err := range f.List(ctx, f.at("d")) {
		if err != nil {
			return nil
		}
		n++
		cancel()
	}
	return fmt.Errorf("%d entries were listed after the context ended, and no error", n)
}

func listChange(ctx context.Context, f *probe) error {
	const n = 400
	if err := f.fill(ctx, "d", n); err != nil {
		return err
	}
	listed, stayed := 0, 0
	for fi, err := range f.List(ctx, f.at("d")) {
		if err != nil {
			return fmt.Errorf("after %d entries: %w", listed, err)
		}
		switch name := fi.Name(); {
		case name < "0200":
			stayed++
		case name < "0300": // removed as it comes, as a client does that empties a directory
			if err := f.Remove(ctx, f.at("d/"+name)); err != nil {
				return err
			}
		}
		if listed++; listed > 1 {
			continue
		}
		for i := 300; i < n; i++ {
			if err := f.Remove(ctx, f.at(fmt.Sprintf("d/%04d", i))); err != nil {
				return err
			}
		}
	}
	if stayed != 200 {
		return fmt.Errorf("%d of the 200 entries that stayed were listed", stayed)
	}
	return nil
}

func listInfo(ctx context.Context, f *probe) error {
	err := errors.Join(
		f.store(ctx, f.at("a"), "12345", driver.StoreOptions{}, false),
		f.Mkdir(ctx, f.at("d")))
	if err != nil {
		return err
	}
	for fi, err := range f.List(ctx, f.at(".")) {
		if err != nil {
			return err
		}
		st, err := f.Stat(ctx, f.at(fi.Name()))
		if err != nil {
			return err
		}
		if st.Mode() != fi.Mode() || !st.ModTime().Equal(fi.ModTime()) || !fi.IsDir() && st.Size() != fi.Size() {
			return fmt.Errorf("%q: List says %v %d %v, Stat says %v %d %v", fi.Name(),
				fi.Mode(), fi.Size(), fi.ModTime(), st.Mode(), st.Size(), st.ModTime())
		}
		if err := uniqueID(fi, st); err != nil {
			return err
		}
	}
	return nil
}

// uniqueID checks driver.FileID where the FS has it.
func uniqueID(listed, stat any) error {
	a, ok1 := listed.(driver.FileID)
	b, ok2 := stat.(driver.FileID)
	if ok1 && ok2 && a.ID() != b.ID() {
		return fmt.Errorf("two answers: List says ID %q, Stat says %q", a.ID(), b.ID())
	}
	return nil
}
