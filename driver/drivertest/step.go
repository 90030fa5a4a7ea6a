package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

// errCut is the cause that cut uploads are closed with.
var errCut = errors.New("drivertest: transfer cut")

// scripts returns the cases of cases.txt.
func scripts() []check {
	all, err := parseScripts(casesText)
	if err != nil {
		panic("drivertest: cases.txt: " + err.Error())
	}
	var out []check
	for _, s := range all {
		out = append(out, check{s.name, s.sentence, s.run})
	}
	return out
}

func (s script) run(ctx context.Context, f *probe) error {
	for _, st := range s.steps {
		got, err := st.do(ctx, f)
		if err := st.judge(got, err); err != nil {
			return fmt.Errorf("cases.txt:%d: %s\n%w", st.line, st, err)
		}
	}
	return nil
}

// judge compares what came of a step with what the script wants.
func (s step) judge(got []string, err error) error {
	if len(s.want) == 0 || s.want[0] == "ok" {
		return err
	}
	if !isErrorWord(s.want[0]) {
		if err != nil {
			return fmt.Errorf("got error: %w", err)
		}
		want := make([]string, len(s.want))
		for i, w := range s.want {
			want[i] = plain(w)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	}
	if err == nil {
		return fmt.Errorf("got no error (but %q), want %s", got, s.want[0])
	}
	advice := ""
	for word := range strings.SplitSeq(s.want[0], "|") {
		switch want := errorNames[word]; {
		case errors.Is(err, want):
			return nil
		case errors.Is(driver.SysError(err), want):
			advice = "; driver.SysError makes it that"
		}
	}
	return fmt.Errorf("got error %q, which is not %s as errors.Is sees it%s", err, s.want[0], advice)
}

func isErrorWord(word string) bool {
	first, _, _ := strings.Cut(word, "|")
	return errorNames[first] != nil
}

// do runs a step and gives its result as words.
func (s step) do(ctx context.Context, f *probe) ([]string, error) {
	if len(s.args) < 2 {
		return nil, fmt.Errorf("script: %q needs a name", s.args[0])
	}
	name, rest := f.at(plain(s.args[1])), s.args[2:]
	switch verb := s.args[0]; verb {
	case "mkdir":
		return nil, f.Mkdir(ctx, name)
	case "remove":
		return nil, f.Remove(ctx, name)
	case "rmdir":
		return nil, f.RemoveDir(ctx, name)
	case "rename":
		return nil, f.Rename(ctx, name, f.at(plain(rest[0])))
	case "promises":
		switch {
		case s.args[1] == "check":
			return nil, f.checks(ctx)
		case s.args[1] == "raw-names" && !driver.RawNames(f.FS, f.at(".")):
			return nil, &absentError{"names that are not UTF-8"}
		case s.args[1] == "raw-names":
			return nil, nil
		}
		return nil, f.promises(s.args[1])
	case "check":
		return nil, driver.CheckStore(ctx, f.FS, name, storeOptions(rest))
	case "needs":
		return nil, f.needs(ctx, name)
	case "stat":
		return f.stat(ctx, name)
	case "list":
		return f.list(ctx, name)
	case "read":
		data, err := f.read(ctx, name, number(rest, "offset="))
		return []string{data}, err
	case "store":
		return nil, f.checkedStore(ctx, name, plain(rest[0]), storeOptions(rest[1:]), slices.Contains(rest, "cut"))
	default:
		return nil, fmt.Errorf("script: no verb %q", verb)
	}
}

func storeOptions(words []string) driver.StoreOptions {
	return driver.StoreOptions{
		Append:    slices.Contains(words, "append"),
		Exclusive: slices.Contains(words, "exclusive"),
		Offset:    number(words, "offset="),
	}
}

// number finds the word key=n; without it the number is 0.
func number(words []string, key string) int64 {
	for _, w := range words {
		if s, ok := strings.CutPrefix(w, key); ok {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				panic("drivertest: cases.txt: " + err.Error())
			}
			return n
		}
	}
	return 0
}

// stat gives "dir", or the size of a file. It checks that the FileInfo makes
// sense.
func (f *probe) stat(ctx context.Context, name string) ([]string, error) {
	fi, err := f.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := sane(fi, path.Base(name)); err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return []string{"dir"}, nil
	}
	return []string{strconv.FormatInt(fi.Size(), 10)}, nil
}

// sane checks what must be true of every FileInfo.
func sane(fi fs.FileInfo, base string) error {
	switch {
	case fi.Name() != base:
		return fmt.Errorf("FileInfo.Name is %q, want %q", fi.Name(), base)
	case fi.IsDir() != fi.Mode().IsDir():
		return fmt.Errorf("%q: FileInfo.IsDir is %v but Mode is %v", base, fi.IsDir(), fi.Mode())
	case fi.Size() < 0:
		return fmt.Errorf("%q: FileInfo.Size is %d", base, fi.Size())
	}
	return nil
}

// list gives the entries in order, directories with a slash.
func (f *probe) list(ctx context.Context, name string) ([]string, error) {
	var names []string
	var failed error
	for fi, err := range f.List(ctx, name) {
		if failed != nil {
			return nil, fmt.Errorf("too long: List went on after the error %w", failed)
		}
		if err != nil {
			failed = err
			continue
		}
		if err := sane(fi, fi.Name()); err != nil {
			return nil, err
		}
		s := fi.Name()
		if fi.IsDir() {
			s += "/"
		}
		names = append(names, s)
	}
	if failed != nil {
		return nil, failed
	}
	if names == nil {
		names = []string{"nothing"}
	}
	slices.Sort(names)
	return names, nil
}

func (f *probe) read(ctx context.Context, name string, offset int64) (string, error) {
	r, err := f.Open(ctx, name, offset)
	if err != nil {
		return "", err
	}
	return readAll(r)
}

// readAll reads r to its end and closes it.
func readAll(r io.ReadCloser) (string, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		r.Close()
		return "", err
	}
	return string(data), r.Close()
}

// store writes data in two pieces. The error of a call that fails is that of
// the step, Store's or Commit's; Close is called in any case.
func (f *probe) store(ctx context.Context, name, data string, opts driver.StoreOptions, cut bool) error {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	for _, piece := range []string{data[:len(data)/2], data[len(data)/2:]} {
		if n, err := io.WriteString(u, piece); err != nil || n != len(piece) {
			return errors.Join(fmt.Errorf("wrote %d of %d bytes: %w", n, len(piece), err), u.Close(errCut))
		}
	}
	if cut {
		return u.Close(errCut)
	}
	if err := u.Commit(); err != nil {
		return errors.Join(err, u.Close(err))
	}
	return u.Close(nil)
}

// checkedStore stores a file, and checks that CheckStore did not refuse an
// upload that Store takes.
func (f *probe) checkedStore(ctx context.Context, name, data string, opts driver.StoreOptions, cut bool) error {
	refused := driver.CheckStore(ctx, f.FS, name, opts)
	err := f.store(ctx, name, data, opts, cut)
	if err == nil && refused != nil && !cut {
		return fmt.Errorf("CheckStore refused with %q what Store took", refused)
	}
	return err
}

// needs skips the case when the FS can't have a file of that name.
func (f *probe) needs(ctx context.Context, name string) error {
	err := f.store(ctx, name, "", driver.StoreOptions{}, false)
	if errors.Is(err, driver.ErrName) || errors.Is(err, fs.ErrInvalid) {
		return &absentError{"names such as " + strconv.Quote(name)}
	}
	if err != nil {
		return err
	}
	return f.Remove(ctx, name)
}
