// Package drivertest proves that a [driver.FS] keeps the contract. The author of a
// driver has to write no more than:
//
//	func TestFS(t *testing.T) {
//		drivertest.Run(t, func(t *testing.T) driver.FS { return myfs.New(t.TempDir()) })
//	}
//
// Each case is a subtest and carries the sentence it enforces, which a failure
// repeats. A case that takes more than 20 seconds fails with that sentence and the
// stack of the goroutine that hangs. Abilities that the FS doesn't have are skipped
// by name. Run the tests with -race: some cases use the FS from several goroutines
// at once.
//
// Most cases are scripts, see cases.txt in the source of this package.
//
// An FS that wraps another must cope with failures of the wrapped one as well:
// [RunFaults] proves that. [Faulty] is an FS for tests, in which those calls fail
// that the test names.
package drivertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// Options say which promises an FS makes. The zero value is an atomic FS that
// can be written to.
type Options struct {
	// InPlace is for an FS that is not atomic: uploads may be visible before
	// Commit, and a cut upload leaves what arrived.
	InPlace bool

	// ReadOnly is for an FS that refuses to be changed. It must hold the
	// files of Tree and nothing else.
	ReadOnly bool

	// NoOffset is for an FS that can only write a file whole, such as an
	// object store: Store with Append or an Offset is errors.ErrUnsupported.
	// It may take Append for a name that is free, as there is nothing to
	// keep.
	NoOffset bool

	// NoDirRename is for an FS that can't move a directory in one step:
	// Rename of one is errors.ErrUnsupported.
	NoDirRename bool

	// Patience is how long one case may take, before it fails with the stack of
	// the goroutine that hangs. The zero value is 20 seconds.
	Patience time.Duration

	// Dir is the directory that the cases work in. It must exist and be
	// empty. The zero value is the root.
	Dir string
}

// Tree returns what an FS must hold to be tested with ReadOnly: the content of its
// files by name. The directories are those that the names imply.
func Tree() map[string]string {
	return map[string]string{
		"hello.txt":         "hello, world\n",
		"empty":             "",
		"dir/one":           "1",
		"dir/two words":     "2",
		"dir/sub/öäü \"q\"": "3",
	}
}

// Run proves an atomic FS that can be written to. Each call of open gives a new
// and empty FS.
func Run(t *testing.T, open func(t *testing.T) driver.FS) {
	t.Helper()
	RunWith(t, Options{}, open)
}

// RunWith does what Run does, for an FS with other promises.
func RunWith(t *testing.T, o Options, open func(t *testing.T) driver.FS) {
	t.Helper()
	for _, c := range checks(o) {
		t.Run(c.name, func(t *testing.T) {
			var absent *absentError
			switch err := c.try(t.Context(), open(t), o); {
			case errors.As(err, &absent):
				t.Skip(absent)
			case err != nil:
				t.Error(c.broken(err))
			}
		})
	}
}

// A check is one case. It returns an error when the FS breaks the sentence.
type check struct {
	name     string
	sentence string
	run      func(ctx context.Context, f *probe) error
}

// broken returns the text of a failure: the sentence that the FS promises, and what
// happened instead.
func (c check) broken(err error) string { return fmt.Sprintf("%s\n%v", c.sentence, err) }

// try runs a check. A panic of the FS is an error like others. A check that hangs
// is an error too, and its context ends then.
func (c check) try(ctx context.Context, fsys driver.FS, o Options) error {
	if fsys == nil {
		return errors.New("open returned nil")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return begin(func() error { return c.run(ctx, &probe{fsys, o}) }).wait(o.patience())
}

func (o Options) patience() time.Duration { return cmp.Or(o.Patience, defaultPatience) }

// checks returns the cases that suit the promises.
func checks(o Options) []check {
	if o.ReadOnly {
		return append(readOnlyChecks, nameChecks...)
	}
	all := append(scripts(), nameChecks...)
	all = append(all, dataChecks...)
	all = append(all, listChecks...)
	all = append(all, togetherChecks...)
	all = append(all, writerChecks...)
	all = append(all, abilityChecks...)
	if o.NoOffset {
		all = append(all, noOffsetCheck)
	}
	if o.NoDirRename {
		all = append(all, noDirRenameCheck)
	}
	if o.InPlace {
		return append(all, inPlaceChecks...)
	}
	all = append(all, atomicChecks...)
	all = append(all, treeChecks...)
	return append(all, stagedCheck, keptCheck)
}

// probe is the FS under test, with short methods for what the cases do to it.
type probe struct {
	driver.FS
	o Options
}

// at returns a name in the directory that the cases work in.
func (f *probe) at(name string) string { return path.Join(".", f.o.Dir, name) }

// absentError names an ability that the FS doesn't have.
type absentError struct{ ability string }

func (e *absentError) Error() string { return "the FS doesn't have the ability: " + e.ability }

// promises returns an absentError for a case that needs more than the Options promise.
func (f *probe) promises(word string) error {
	switch word {
	case "offset":
		if f.o.NoOffset {
			return &absentError{"appending and writing at an offset"}
		}
	case "atomic":
		if f.o.InPlace {
			return &absentError{"atomic uploads"}
		}
	case "dir-rename":
		if f.o.NoDirRename {
			return &absentError{"renaming directories"}
		}
	default:
		return fmt.Errorf("script: no promise %q", word)
	}
	return nil
}

// checks skips a case when the FS has no CheckStore of its own, which shows when
// CheckStore refuses not even an upload to a missing directory.
func (f *probe) checks(ctx context.Context) error {
	if driver.CheckStore(ctx, f.FS, f.at("missing/parent"), driver.StoreOptions{}) == nil {
		return &absentError{"checking uploads beforehand"}
	}
	return nil
}

// options returns the ways to store over a file that the Options promise.
func (f *probe) options(keep ...driver.StoreOptions) []driver.StoreOptions {
	if f.o.NoOffset {
		return []driver.StoreOptions{{}}
	}
	return append([]driver.StoreOptions{{}}, keep...)
}

// ability turns an error for a missing ability into a skip.
func ability(name string, err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return &absentError{name}
	}
	return err
}
