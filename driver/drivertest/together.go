package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/driver"
)

var togetherChecks = []check{
	{"together", "Several goroutines may use the FS at once.", together},
	{"together-one", "Readers of a file that is being replaced see one version or another, never a mixture.", oneFile},
}

// each runs f in n goroutines and joins their errors.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func together(ctx context.Context, f *probe) error {
	const workers, rounds = 8, 15
	return each(workers, func(i int) error {
		dir := f.at(fmt.Sprint("d", i))
		for range rounds {
			if err := f.round(ctx, dir); err != nil {
				return fmt.Errorf("worker %d: %w", i, err)
			}
		}
		return nil
	})
}

// round does a bit of everything in a directory of its own.
func (f *probe) round(ctx context.Context, dir string) error {
	if err := f.Mkdir(ctx, dir); err != nil {
		return err
	}
	if _, err := f.list(ctx, f.at(".")); err != nil {
		return err
	}
	half := strings.Repeat(dir, 1000)
	err := f.store(ctx, dir+"/a", half+half, driver.StoreOptions{}, false)
	if !f.o.NoOffset {
		err = errors.Join(err,
			f.store(ctx, dir+"/a", half, driver.StoreOptions{}, false),
			f.store(ctx, dir+"/a", half, driver.StoreOptions{Append: true}, false))
	}
	if err := errors.Join(err, f.Rename(ctx, dir+"/a", dir+"/b")); err != nil {
		return err
	}
	if got, err := f.read(ctx, dir+"/b", int64(len(half))); err != nil || got != half {
		return fmt.Errorf("read other bytes: %w", errors.Join(err, fs.ErrInvalid))
	}
	return errors.Join(f.Remove(ctx, dir+"/b"), f.RemoveDir(ctx, dir))
}

func oneFile(ctx context.Context, f *probe) error {
	if f.o.InPlace {
		return &absentError{"atomic uploads"}
	}
	version := func(i int) string { return strings.Repeat(string(rune('a'+i)), 100_000) }
	if err := f.store(ctx, f.at("x"), version(0), driver.StoreOptions{}, false); err != nil {
		return err
	}
	return each(6, func(i int) error {
		for range 10 {
			if i%2 == 0 {
				if err := f.store(ctx, f.at("x"), version(i), driver.StoreOptions{}, false); err != nil {
					return err
				}
				continue
			}
			got, err := f.read(ctx, f.at("x"), 0)
			if err != nil {
				return err
			}
			if len(got) != 100_000 || strings.Count(got, got[:1]) != len(got) {
				return fmt.Errorf("read a mixture of %d bytes", len(got))
			}
		}
		return nil
	})
}

func exclusiveRace(ctx context.Context, f *probe) error {
	var mu sync.Mutex
	var winners []string
	err := each(8, func(i int) error {
		me := fmt.Sprint("upload ", i)
		switch err := f.store(ctx, f.at("x"), me, driver.StoreOptions{Exclusive: true}, false); {
		case err == nil:
			mu.Lock()
			winners = append(winners, me)
			mu.Unlock()
		case !errors.Is(err, fs.ErrExist):
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(winners) != 1 {
		return fmt.Errorf("%d were committed: %q", len(winners), winners)
	}
	return f.same(ctx, f.at("x"), []byte(winners[0]))
}
