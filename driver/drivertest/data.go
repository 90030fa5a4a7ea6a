package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"

	"github.com/sallyport/sallyport/driver"
)

var dataChecks = []check{
	{"big", "A file of several megabytes comes back as it was written, in pieces of any size and from any offset.", bigFile},
	{"big-append", "Appending to a big file and resuming in its middle keep the rest.", bigAppend},
	{"many-writes", "The slice given to Write belongs to the caller again when Write returns.", reusedBuffer},
	{"read-twice", "Two readers of one file don't disturb each other.", twoReaders},
	{"close", "Close after Commit does nothing, and so does a second Close.", closeTwice},
	{"after-commit", "After Commit, Write and Commit are errors and change nothing.", afterCommit},
	{"after-close", "After Close without Commit, Write and Commit are errors.", afterClose},
	{"size-hint", "The announced Size is a hint: more or fewer bytes may follow.", sizeHint},
	{"exclusive-race", "Of uploads with Exclusive to one name exactly one is committed.", exclusiveRace},
}

// noise returns n bytes that don't repeat, the same for the same seed.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b) // never fails
	return b
}

// same compares the file with want, from several offsets.
func (f *probe) same(ctx context.Context, name string, want []byte) error {
	for _, at := range []int{0, 65535, 65537, len(want) - 1, len(want)} {
		if at < 0 || at > len(want) {
			continue
		}
		got, err := f.read(ctx, name, int64(at))
		if err != nil {
			return fmt.Errorf("from offset %d: %w", at, err)
		}
		if got != string(want[at:]) {
			return fmt.Errorf("from offset %d: got %d bytes (crc %08x), want %d (crc %08x)", at,
				len(got), crc32.ChecksumIEEE([]byte(got)), len(want)-at, crc32.ChecksumIEEE(want[at:]))
		}
	}
	return nil
}

// put stores data in pieces of a given size.
func (f *probe) put(ctx context.Context, name string, data []byte, piece int, opts driver.StoreOptions) error {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	for len(data) > 0 && err == nil {
		n := min(piece, len(data))
		_, err = u.Write(data[:n])
		data = data[n:]
	}
	if err == nil {
		err = u.Commit()
	}
	return errors.Join(err, u.Close(err))
}

func bigFile(ctx context.Context, f *probe) error {
	data := noise(2<<20+17, 1)
	for _, piece := range []int{4093, len(data)} {
		name := f.at(fmt.Sprint("big", piece))
		if err := f.put(ctx, name, data, piece, driver.StoreOptions{}); err != nil {
			return err
		}
		if err := f.same(ctx, name, data); err != nil {
			return fmt.Errorf("written in pieces of %d: %w", piece, err)
		}
	}
	return nil
}

func bigAppend(ctx context.Context, f *probe) error {
	if err := f.promises("offset"); err != nil {
		return err
	}
	name, data := f.at("big"), noise(1<<20+3, 2)
	var want []byte
	for i, n := range []int{300_001, 65_536, 1, 400_000} {
		if err := f.put(ctx, name, data[:n], 1<<15, driver.StoreOptions{Append: true}); err != nil {
			return err
		}
		want = append(want, data[:n]...)
		if err := f.same(ctx, name, want); err != nil {
			return fmt.Errorf("append %d: %w", i+1, err)
		}
	}
	for _, at := range []int{700_000, 131_072, 65_537} {
		if err := f.put(ctx, name, data, 1<<16, driver.StoreOptions{Offset: int64(at)}); err != nil {
			return err
		}
		want = append(want[:at:at], data...)
		if err := f.same(ctx, name, want); err != nil {
			return fmt.Errorf("offset %d: %w", at, err)
		}
	}
	return nil
}

func reusedBuffer(ctx context.Context, f *probe) error {
	u, err := f.Store(ctx, f.at("a"), driver.StoreOptions{})
	if err != nil {
		return err
	}
	var want bytes.Buffer
	buf := make([]byte, 1000)
	for i := range 200 {
		for j := range buf {
			buf[j] = byte(i + j)
		}
		want.Write(buf)
		if _, err := u.Write(buf); err != nil {
			return errors.Join(err, u.Close(err))
		}
	}
	clear(buf)
	if err := errors.Join(u.Commit(), u.Close(nil)); err != nil {
		return err
	}
	return f.same(ctx, f.at("a"), want.Bytes())
}

func twoReaders(ctx context.Context, f *probe) error {
	name := f.at("a")
	if err := f.store(ctx, name, "0123456789", driver.StoreOptions{}, false); err != nil {
		return err
	}
	r1, err := f.Open(ctx, name, 0)
	if err != nil {
		return err
	}
	defer r1.Close()
	r2, err := f.Open(ctx, name, 5)
	if err != nil {
		return err
	}
	defer r2.Close()
	var a, b [5]byte
	_, err1 := io.ReadFull(r1, a[:])
	_, err2 := io.ReadFull(r2, b[:])
	if string(a[:]) != "01234" || string(b[:]) != "56789" {
		return fmt.Errorf("read %q (%v) and %q (%v)", a, err1, b, err2)
	}
	return nil
}

func closeTwice(ctx context.Context, f *probe) error {
	u, err := f.Store(ctx, f.at("a"), driver.StoreOptions{})
	if err != nil {
		return err
	}
	if _, err := u.Write([]byte("x")); err != nil {
		return err
	}
	err = errors.Join(u.Commit(), u.Close(nil), u.Close(errCut), u.Close(nil))
	if err != nil {
		return err
	}
	cut, err := f.Store(ctx, f.at("b"), driver.StoreOptions{})
	if err != nil {
		return err
	}
	if err := errors.Join(cut.Close(errCut), cut.Close(errCut), cut.Close(nil)); err != nil {
		return err
	}
	return f.same(ctx, f.at("a"), []byte("x"))
}

func afterCommit(ctx context.Context, f *probe) error {
	u, err := f.Store(ctx, f.at("a"), driver.StoreOptions{})
	if err != nil {
		return err
	}
	defer u.Close(nil)
	if _, err := u.Write([]byte("x")); err != nil {
		return err
	}
	if err := u.Commit(); err != nil {
		return err
	}
	if _, err := u.Write([]byte("more")); err == nil {
		return errors.New("too late: Write after Commit gave no error")
	}
	if u.Commit() == nil {
		return errors.New("a second Commit gave no error")
	}
	return f.same(ctx, f.at("a"), []byte("x"))
}

func afterClose(ctx context.Context, f *probe) error {
	u, err := f.Store(ctx, f.at("a"), driver.StoreOptions{})
	if err != nil {
		return err
	}
	if err := u.Close(errCut); err != nil {
		return err
	}
	if _, err := u.Write([]byte("x")); err == nil {
		return errors.New("too late: Write after Close gave no error")
	}
	if u.Commit() == nil {
		return errors.New("too late: Commit after Close gave no error")
	}
	return nil
}

func sizeHint(ctx context.Context, f *probe) error {
	for _, size := range []int64{1, 3, 1000} {
		if err := f.store(ctx, f.at("a"), "xyz", driver.StoreOptions{Size: size}, false); err != nil {
			return fmt.Errorf("announced %d: %w", size, err)
		}
		if err := f.same(ctx, f.at("a"), []byte("xyz")); err != nil {
			return fmt.Errorf("announced %d: %w", size, err)
		}
	}
	return nil
}
