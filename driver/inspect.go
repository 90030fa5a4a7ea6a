package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
)

// Inspect has a function look at every upload before it becomes a file, as a virus
// scanner does. Accept is called in Commit, when all data has come and before the
// client is told so. If accept returns nil the upload is committed. Otherwise nothing
// of the upload stays: a file of that name is as it was, and the client reads the
// error, best an [*Error] such as 552 or 553 and a text. A nil accept refuses every
// upload with [fs.ErrPermission].
//
// STOR, APPE, STOU and the targets of COMB and SITE CPTO come to accept; nothing else
// makes content. The content is that of the whole file as it is going to be: with
// APPE, or REST before STOR, what is kept of the old file comes first, since what is
// harmless in two parts need not be so in one. The committed content is the content
// that accept saw: if the file that is added to was replaced, removed or changed
// meanwhile, under any of its names, the upload fails with [ErrChanged] (450), and
// the client may send it again. Uploads to one name that go through this FS wait for
// one another and don't cause ErrChanged. While accept runs the client waits for the
// reply, some clients for a minute only.
//
// Each upload of fsys must be a [StagedReader], as those of [Dir], [MemFS], [Afero]
// and of what this package puts around them are. Otherwise Store fails with
// [errors.ErrUnsupported]. Because others would see an upload in place before accept
// does, Inspect sets [StoreOptions].Whole, which makes the upload atomic in a Dir
// with [InPlace], and durable, at the cost of a sync. An FS of another package that
// is not atomic in spite of Whole must not be a StagedReader. An FS whose uploads can
// add to a file should make each a [KeptReader].
//
// Put [Restrict] around Inspect and not within, so that rules refuse an upload before
// accept sees it, and so that Inspect needs no permission to read the old file.
//
// The FS has all abilities of fsys. One value may serve many sessions, and accept
// may be called concurrently.
func Inspect(fsys FS, accept func(ctx context.Context, up *Inspection) error) FS {
	return &inspected{FS: fsys, accept: accept}
}

type inspected struct {
	FS
	accept func(ctx context.Context, up *Inspection) error
	locks  lockTable // of names, held from the look at an upload to the end of its Commit
}

// Unwrap returns the wrapped FS, whose abilities are used. None of them stores
// content that accept would have to see.
func (i *inspected) Unwrap() FS { return i.FS }

// WritesInPlace asks the wrapped FS about the upload that Store makes of it.
func (i *inspected) WritesInPlace(name string, opts StoreOptions) bool {
	opts.Whole = true
	return WritesInPlace(i.FS, name, opts)
}

// RemoveSame removes a file if it is still the one that was described.
func (i *inspected) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	return RemoveSame(ctx, i.FS, name, info)
}

// Scan lists a directory as the FS within does.
func (i *inspected) Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != FS(i) {
		return self.List(ctx, name)
	}
	return Scan(ctx, i.FS, name, nameOnly)
}

// Store begins an upload whose Commit calls accept.
func (i *inspected) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	opts.Whole = true
	up, err := i.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	if stagedReader(up) == nil {
		err := fail("store", name, unsupported(fmt.Sprintf("Inspect can't look at an upload before it is committed: "+
			"give %T an OpenStaged (StagedReader), or an Unwrap() driver.Upload if it wraps one that has it", innermost(up))))
		return nil, errors.Join(err, up.Close(err))
	}
	u := &inspectedUpload{Upload: up, within: i, ctx: ctx, name: name, opts: opts}
	from, ok := up.(io.ReaderFrom)
	if !ok {
		return u, nil
	}
	r := &inspectedReaderFrom{u, from}
	if file, ok := up.(FileUpload); ok {
		return &inspectedFile{r, file}, nil
	}
	return r, nil
}

// inspectedUpload calls accept in Commit, before the upload becomes the file.
type inspectedUpload struct {
	Upload
	within *inspected
	ctx    context.Context // of Store
	name   string
	opts   StoreOptions
	n      int64 // bytes written
	err    error // of accept
	ended  bool
}

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *inspectedUpload) Unwrap() Upload { return u.Upload }

func (u *inspectedUpload) Write(p []byte) (int, error) {
	n, err := u.Upload.Write(p)
	u.n += int64(n)
	return n, err
}

// Commit calls accept, and commits the upload if accept returns nil.
func (u *inspectedUpload) Commit() error {
	switch {
	case u.ended:
		return fail("commit", u.name, fs.ErrClosed)
	case u.err != nil:
		return u.err
	}
	unlock, err := u.within.locks.alone(u.ctx, "", u.name)
	if err != nil {
		return fail("commit", u.name, err)
	}
	defer unlock()
	if u.err = fail("commit", u.name, u.inspect()); u.err != nil {
		return u.err
	}
	err = u.Upload.Commit()
	u.ended = err == nil
	return err
}

func (u *inspectedUpload) Close(cause error) error {
	u.ended = true
	return u.Upload.Close(cause)
}

// inspectedReaderFrom is an upload that can take data from a reader by itself.
type inspectedReaderFrom struct {
	*inspectedUpload
	from io.ReaderFrom
}

func (u *inspectedReaderFrom) ReadFrom(r io.Reader) (int64, error) {
	n, err := u.from.ReadFrom(r)
	u.n += n
	return n, err
}

// inspectedFile is an upload that another process can write.
type inspectedFile struct {
	*inspectedReaderFrom
	file FileUpload
}

// OpenFile implements FileUpload.
func (u *inspectedFile) OpenFile() (*os.File, error) { return u.file.OpenFile() }

// Wrote implements FileUpload.
func (u *inspectedFile) Wrote(n int64) {
	u.n += n
	u.file.Wrote(n)
}
