package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// An operation is what a session does with an FS for one command.
type operation struct {
	name string
	run  func(ctx context.Context, f *probe) error
	cut  bool // it ends an upload without Commit
}

// Content of the files of base.
const oldContent, newContent = "the old content", "new content, which is longer"

// base makes an FS for RunFaults to wrap.
func base() driver.FS {
	m := driver.Mem()
	f := &probe{m, Options{}}
	ctx := context.Background()
	err := errors.Join(m.Mkdir(ctx, "d"), m.Mkdir(ctx, "d/empty"),
		f.store(ctx, "a", oldContent, driver.StoreOptions{}, false),
		f.store(ctx, "b", "another", driver.StoreOptions{}, false),
		f.store(ctx, "d/one", "1", driver.StoreOptions{}, false),
		f.store(ctx, "d/two", "2", driver.StoreOptions{}, false))
	if err != nil {
		panic(err) // never: it is in memory
	}
	return full{m}
}

// full is an FS with every ability and with uploads that are io.ReaderFrom like
// uploads to real files.
type full struct{ *driver.MemFS }

func (full) SetGroup(context.Context, string, string) error { return nil }
func (full) Symlink(context.Context, string, string) error  { return nil }
func (full) Space(context.Context, string) (int64, error)   { return 1 << 40, nil }
func (full) Checksum(context.Context, string, string, int64, int64) ([]byte, error) {
	return []byte{1}, nil
}

// ReadLink knows one link, which no listing shows.
func (full) ReadLink(_ context.Context, name string) (string, error) {
	if name != "d/link" {
		return "", fs.ErrInvalid
	}
	return "one", nil
}

func (f full) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.MemFS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return readerFrom{u}, nil
}

type readerFrom struct{ driver.Upload }

func (u readerFrom) Unwrap() driver.Upload { return u.Upload }

func (u readerFrom) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{u.Upload}, r)
}

// operations returns the operations that suit the promises.
func operations(o Options) []operation {
	store := func(name string, opts driver.StoreOptions, move func(u driver.Upload, data string) error) func(context.Context, *probe) error {
		return func(ctx context.Context, f *probe) error { return f.upload(ctx, f.at(name), opts, move) }
	}
	all := []operation{
		{name: "Stat", run: func(ctx context.Context, f *probe) error {
			got, err := f.stat(ctx, f.at("a"))
			if err == nil && got[0] != fmt.Sprint(len(oldContent)) {
				err = fmt.Errorf("no error, but %q", got)
			}
			return err
		}},
		{name: "List", run: func(ctx context.Context, f *probe) error {
			got, err := f.list(ctx, f.at("d"))
			if err == nil && !slices.Equal(got, []string{"empty/", "one", "two"}) {
				err = fmt.Errorf("no error, but %q", got)
			}
			return err
		}},
		{name: "List, left early", run: func(ctx context.Context, f *probe) error {
			for _, err := range f.List(ctx, f.at("d")) {
				return err
			}
			return errors.New("no error, but nothing")
		}},
		{name: "Open", run: func(ctx context.Context, f *probe) error { return f.download(ctx, f.at("a"), 0) }},
		{name: "Open at an offset", run: func(ctx context.Context, f *probe) error { return f.download(ctx, f.at("a"), 5) }},
		{name: "Store", run: store("new", driver.StoreOptions{}, byWrite)},
		{name: "Store over a file", run: store("a", driver.StoreOptions{}, byWrite)},
		{name: "Store with Exclusive", run: store("new", driver.StoreOptions{Exclusive: true}, byWrite)},
		{name: "Store with ReadFrom", run: store("a", driver.StoreOptions{}, byReadFrom)},
		{name: "Store, cut", cut: true,
			run: func(ctx context.Context, f *probe) error { return f.cutUpload(ctx, f.at("a")) }},
		{name: "Mkdir", run: func(ctx context.Context, f *probe) error { return f.Mkdir(ctx, f.at("new")) }},
		{name: "Remove", run: func(ctx context.Context, f *probe) error { return f.Remove(ctx, f.at("a")) }},
		{name: "RemoveDir", run: func(ctx context.Context, f *probe) error { return f.RemoveDir(ctx, f.at("d/empty")) }},
		{name: "Rename", run: func(ctx context.Context, f *probe) error { return f.Rename(ctx, f.at("a"), f.at("new")) }},
		{name: "Rename over a file", run: func(ctx context.Context, f *probe) error { return f.Rename(ctx, f.at("a"), f.at("b")) }},
	}
	if !o.NoDirRename {
		all = append(all, operation{name: "Rename of a directory",
			run: func(ctx context.Context, f *probe) error { return f.Rename(ctx, f.at("d"), f.at("new")) }})
	}
	if !o.NoOffset && !o.InPlace {
		all = append(all,
			operation{name: "Store with Append", run: store("a", driver.StoreOptions{Append: true}, byWrite)},
			operation{name: "Store at an offset", run: store("a", driver.StoreOptions{Offset: 4}, byWrite)})
	}
	return append(all, abilities...)
}

var abilities = []operation{
	{name: "SetTimes", run: func(ctx context.Context, f *probe) error {
		want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		if err := driver.SetTimes(ctx, f.FS, f.at("a"), driver.Times{Modify: want}); err != nil {
			return err
		}
		fi, err := f.Stat(ctx, f.at("a"))
		if err == nil && !fi.ModTime().Equal(want) {
			err = fmt.Errorf("no error, but Stat tells %v", fi.ModTime())
		}
		return err
	}},
	{name: "SetMode", run: func(ctx context.Context, f *probe) error { return driver.SetMode(ctx, f.FS, f.at("a"), 0o600) }},
	{name: "SetGroup", run: func(ctx context.Context, f *probe) error { return driver.SetGroup(ctx, f.FS, f.at("a"), "0") }},
	{name: "Symlink", run: func(ctx context.Context, f *probe) error { return driver.Symlink(ctx, f.FS, f.at("a"), f.at("new")) }},
	{name: "ReadLink", run: func(ctx context.Context, f *probe) error {
		_, err := driver.ReadLink(ctx, f.FS, f.at("d/link"))
		return err
	}},
	{name: "Space", run: func(ctx context.Context, f *probe) error { _, err := driver.Space(ctx, f.FS, f.at(".")); return err }},
	{name: "CheckStore", run: func(ctx context.Context, f *probe) error {
		return driver.CheckStore(ctx, f.FS, f.at("a"), driver.StoreOptions{})
	}},
	{name: "Checksum", run: func(ctx context.Context, f *probe) error {
		_, err := driver.Checksum(ctx, f.FS, f.at("a"), "SHA-256", 0, -1)
		return err
	}},
}

// download reads a file to its end as the server does: it closes the reader
// whatever happens.
func (f *probe) download(ctx context.Context, name string, offset int64) error {
	r, err := f.Open(ctx, name, offset)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err == nil && string(data) != oldContent[offset:] {
		err = fmt.Errorf("no error, but %q was read", data)
	}
	return err
}

// upload stores a file as the server does.
func (f *probe) upload(ctx context.Context, name string, opts driver.StoreOptions, move func(driver.Upload, string) error) error {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	cause := errCut
	defer func() { _ = u.Close(cause) }() // also on a panic; its error changes nothing
	if err := move(u, newContent); err != nil {
		return err
	}
	if err := u.Commit(); err != nil {
		return err
	}
	cause = nil
	return nil
}

func byWrite(u driver.Upload, data string) error {
	for _, piece := range []string{data[:7], data[7:]} {
		n, err := io.WriteString(u, piece)
		if err != nil {
			return err
		}
		if n != len(piece) {
			return fmt.Errorf("no error, but %d of %d bytes were written", n, len(piece))
		}
	}
	return nil
}

// byReadFrom moves data by the upload's io.ReaderFrom if there is one.
func byReadFrom(u driver.Upload, data string) error {
	from, ok := u.(io.ReaderFrom)
	if !ok {
		return &absentError{"io.ReaderFrom"}
	}
	n, err := from.ReadFrom(strings.NewReader(data))
	if err == nil && n != int64(len(data)) {
		err = fmt.Errorf("no error, but %d of %d bytes were read", n, len(data))
	}
	return err
}

// cutUpload ends an upload without Commit. The FS within must hear why.
func (f *probe) cutUpload(ctx context.Context, name string) (err error) {
	u, err := f.Store(ctx, name, driver.StoreOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.Close(errCut)) }()
	_, err = io.WriteString(u, newContent)
	return err
}

// A view is all that can be seen of an FS, times aside.
type view struct {
	tree  map[string]string
	space int64 // -1 where it is unknown
}

func (f *probe) view(ctx context.Context) (view, error) {
	v := view{make(map[string]string), -1}
	for dirs := []string{"."}; len(dirs) > 0; dirs = dirs[1:] {
		for fi, err := range f.List(ctx, f.at(dirs[0])) {
			if err != nil {
				return v, err
			}
			name := path.Join(dirs[0], fi.Name())
			v.tree[name] = fi.Mode().String()
			if fi.IsDir() {
				dirs = append(dirs, name)
			}
		}
	}
	for name, mode := range v.tree {
		if mode[0] != '-' {
			continue
		}
		data, err := f.read(ctx, f.at(name), 0)
		if err != nil {
			return v, err
		}
		v.tree[name] += " " + data
	}
	space, err := driver.Space(ctx, f.FS, f.at("."))
	if err == nil {
		v.space = space
	} else if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return v, err
	}
	return v, nil
}

func (v view) same(want view, because string) error {
	switch {
	case !maps.Equal(v.tree, want.tree):
		return fmt.Errorf("%s, but there is %q, want %q", because, v.tree, want.tree)
	case v.space != want.space:
		return fmt.Errorf("%s, but Space tells %d, want %d", because, v.space, want.space)
	}
	return nil
}
