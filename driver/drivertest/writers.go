package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

// writerChecks are about uploads to one file at once, and about changes of a file
// during an upload.
var writerChecks = []check{
	{"append-both", "Of two uploads that append at once both parts are in the file, in the order of their Commits.", appendBoth},
	{"append-create-both", "Two uploads that append to a missing file at once create it together.", appendCreateBoth},
	{"append-race", "Many uploads that append at once lose nothing and mix nothing.", appendRace},
	{"append-replaced", "An upload that appends adds to the file as it is at Commit, even if that was replaced meanwhile.", appendReplaced},
	{"append-removed", "An upload that appends to a file that is removed meanwhile is ErrChanged, and the file stays removed.", appendRemoved},
	{"append-renamed", "An upload that appends to a file that is renamed meanwhile is ErrChanged, and the file stays as it was.", appendRenamed},
	{"offset-changed", "An upload with an Offset into a file that changes meanwhile is ErrChanged, and what changed it stays.", offsetChanged},
	{"append-reader", "A reader of a file that is added to meanwhile reads to the end it had.", appendReader},
	{"whole", "An upload with Whole that is cut leaves the old file, in place too.", wholeCut},
}

// sizes are the sizes of old files: some drivers treat small files differently.
var sizes = []int{0, 5, 64 << 10, 200_001}

// old stores a file of n bytes and returns it.
func (f *probe) old(ctx context.Context, name string, n int) (string, error) {
	data := strings.Repeat("old/", n/4+1)[:n]
	return data, f.store(ctx, name, data, driver.StoreOptions{}, false)
}

func appendBoth(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	for _, n := range sizes {
		name := f.at(fmt.Sprint("a", n))
		old, err := f.old(ctx, name, n)
		if err != nil {
			return err
		}
		if err := f.appendTwo(ctx, name, old); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
	}
	return nil
}

func appendCreateBoth(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	return f.appendTwo(ctx, f.at("a"), "")
}

// appendTwo begins two uploads and commits the second first.
func (f *probe) appendTwo(ctx context.Context, name, old string) error {
	opts := driver.StoreOptions{Append: true}
	u1, err := f.begin(ctx, name, "first", opts)
	if err != nil {
		return err
	}
	defer u1.Close(errCut)
	u2, err := f.begin(ctx, name, "second", opts)
	if err != nil {
		return err
	}
	defer u2.Close(errCut)
	if err := errors.Join(u2.Commit(), u2.Close(nil), u1.Commit(), u1.Close(nil)); err != nil {
		return err
	}
	return f.same(ctx, name, []byte(old+"secondfirst"))
}

func appendRace(ctx context.Context, f *probe) error {
	if err := f.promises("offset"); err != nil {
		return err
	}
	const writers, rounds, length = 6, 8, 3000
	name := f.at("log")
	old, err := f.old(ctx, name, 100_000)
	if err != nil {
		return err
	}
	err = each(writers, func(i int) error {
		record := strings.Repeat(string(rune('A'+i)), length)
		for range rounds {
			u, err := f.Store(ctx, name, driver.StoreOptions{Append: true})
			if err != nil {
				return err
			}
			_, err = u.Write([]byte(record)) // at once: in place writes may take turns
			if err == nil {
				err = u.Commit()
			}
			if err := errors.Join(err, u.Close(err)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	got, err := f.read(ctx, name, 0)
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(got, old)
	if !ok || len(rest) != writers*rounds*length {
		return fmt.Errorf("the file has %d bytes, want %d", len(got), len(old)+writers*rounds*length)
	}
	for i := 0; i < len(rest); i += length {
		if strings.Count(rest[i:i+length], rest[i:i+1]) != length {
			return fmt.Errorf("record %d is a mixture", i/length)
		}
	}
	return nil
}

func appendReplaced(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	for _, n := range sizes {
		name := f.at(fmt.Sprint("a", n))
		if _, err := f.old(ctx, name, n); err != nil {
			return err
		}
		for _, content := range []string{"new", string(noise(150_000, 6))} {
			u, err := f.begin(ctx, name, "+part", driver.StoreOptions{Append: true})
			if err != nil {
				return err
			}
			err = f.store(ctx, name, content, driver.StoreOptions{}, false)
			if err == nil {
				err = u.Commit()
			}
			if err := errors.Join(err, u.Close(err)); err != nil {
				return err
			}
			if err := f.same(ctx, name, []byte(content+"+part")); err != nil {
				return fmt.Errorf("over %d bytes: %w", n, err)
			}
		}
	}
	return nil
}

func appendRemoved(ctx context.Context, f *probe) error {
	if err := f.promises("offset"); err != nil {
		return err
	}
	for _, n := range sizes {
		if _, err := f.old(ctx, f.at("a"), n); err != nil {
			return err
		}
		u, err := f.begin(ctx, f.at("a"), "part", driver.StoreOptions{Append: true})
		if err != nil {
			return err
		}
		if err := f.Remove(ctx, f.at("a")); spares(err) {
			return errors.Join(u.Close(errCut), f.Remove(ctx, f.at("a"))) // then nothing can go wrong
		} else if err != nil {
			return errors.Join(err, u.Close(err))
		}
		err = u.Commit()
		if err := errors.Join(wantError("Commit", err, driver.ErrChanged), u.Close(err)); err != nil {
			return err
		}
		if err := f.holds(ctx, "", ""); err != nil {
			return fmt.Errorf("resurrected: %w", err)
		}
	}
	return nil
}

// spares reports whether an error of Remove or Rename says that the FS refuses because
// the file is being uploaded.
func spares(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, driver.ErrBusy)
}

func appendRenamed(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	for _, n := range sizes[1:] {
		old, err := f.old(ctx, f.at("a"), n)
		if err != nil {
			return err
		}
		u, err := f.begin(ctx, f.at("a"), "part", driver.StoreOptions{Append: true})
		if err != nil {
			return err
		}
		if err := f.Rename(ctx, f.at("a"), f.at("b")); spares(err) {
			return u.Close(errCut)
		} else if err != nil {
			return errors.Join(err, u.Close(err))
		}
		err = u.Commit()
		if err := errors.Join(wantError("Commit", err, driver.ErrChanged), u.Close(err)); err != nil {
			return err
		}
		if err := f.holds(ctx, "b", old); err != nil {
			return err
		}
		if err := f.Remove(ctx, f.at("b")); err != nil {
			return err
		}
	}
	return nil
}

// offsetChanges returns the changes that may happen to a file, each of which returns
// what the file holds then.
func (f *probe) offsetChanges(ctx context.Context, name, old string) map[string]func() (string, error) {
	other := strings.Repeat("x", len(old))
	return map[string]func() (string, error){
		"replaced by one of its size": func() (string, error) {
			return other, f.store(ctx, name, other, driver.StoreOptions{}, false)
		},
		"replaced by itself": func() (string, error) {
			return old, f.store(ctx, name, old, driver.StoreOptions{}, false)
		},
		"added to": func() (string, error) {
			return old + "!", f.store(ctx, name, "!", driver.StoreOptions{Append: true}, false)
		},
		"changed at an offset": func() (string, error) {
			return old[:1] + other[1:], f.store(ctx, name, other[1:], driver.StoreOptions{Offset: 1}, false)
		},
	}
}

func offsetChanged(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	for _, n := range sizes[1:] {
		for _, at := range []int64{1, int64(n)} {
			for what := range f.offsetChanges(ctx, "", "old") {
				if err := f.offsetOver(ctx, n, at, what); err != nil {
					return fmt.Errorf("a file of %d bytes, with offset %d, %s: %w", n, at, what, err)
				}
			}
		}
	}
	return nil
}

func (f *probe) offsetOver(ctx context.Context, n int, at int64, what string) error {
	name := f.at("a")
	old, err := f.old(ctx, name, n)
	if err != nil {
		return err
	}
	u, err := f.begin(ctx, name, "part", driver.StoreOptions{Offset: at})
	if err != nil {
		return err
	}
	want, err := f.offsetChanges(ctx, name, old)[what]()
	if err != nil {
		return errors.Join(err, u.Close(err))
	}
	err = u.Commit()
	if err := errors.Join(wantError("Commit", err, driver.ErrChanged), u.Close(err)); err != nil {
		return err
	}
	return f.same(ctx, name, []byte(want))
}

func appendReader(ctx context.Context, f *probe) error {
	if err := errors.Join(f.promises("offset"), f.promises("atomic")); err != nil {
		return err
	}
	for _, n := range sizes[1:] {
		name := f.at(fmt.Sprint("a", n))
		old, err := f.old(ctx, name, n)
		if err != nil {
			return err
		}
		r, err := f.Open(ctx, name, 0)
		if err != nil {
			return err
		}
		err = f.store(ctx, name, "part", driver.StoreOptions{Append: true}, false)
		got, err2 := readAll(r)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if got != old {
			return fmt.Errorf("the reader got %d bytes, want the %d that were there", len(got), len(old))
		}
		if err := f.same(ctx, name, []byte(old+"part")); err != nil {
			return err
		}
	}
	return nil
}

func wholeCut(ctx context.Context, f *probe) error {
	old, err := f.old(ctx, f.at("a"), 100)
	if err != nil {
		return err
	}
	for _, opts := range f.options(driver.StoreOptions{Append: true}, driver.StoreOptions{Offset: 3}) {
		opts.Whole = true
		if err := f.store(ctx, f.at("a"), "part", opts, true); err != nil {
			return err
		}
		if err := f.holds(ctx, "a", old); err != nil {
			return fmt.Errorf("%+v: %w", opts, err)
		}
	}
	return f.store(ctx, f.at("a"), "new", driver.StoreOptions{Whole: true}, false)
}
