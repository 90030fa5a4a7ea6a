package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// bucket is an FS of objects. Object stores have keys and no directories: here the
// directory a/b is an object whose key ends in a slash, "a/b/", and is empty.
type bucket struct {
	url    string
	client *http.Client
}

// object is the store's description of an object, and implements fs.FileInfo.
type object struct {
	Key      string
	Bytes    int64
	Modified time.Time
}

func (o object) Name() string       { return path.Base(cmp.Or(o.Key, ".")) }
func (o object) Size() int64        { return o.Bytes }
func (o object) ModTime() time.Time { return o.Modified }
func (o object) IsDir() bool        { return o.Key == "" || strings.HasSuffix(o.Key, "/") }
func (o object) Sys() any           { return nil }
func (o object) Mode() fs.FileMode {
	if o.IsDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// keys yields the objects whose keys begin with prefix. Keys that are the same up
// to a further slash count as one. keys reads the store's answer as it comes.
func (b bucket) keys(ctx context.Context, prefix string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		req, err := b.request(ctx, "GET", "", nil)
		if err != nil {
			yield(object{}, err)
			return
		}
		req.URL.RawQuery = url.Values{"prefix": {prefix}, "delimiter": {"/"}}.Encode()
		res, err := b.do(req)
		if err != nil {
			yield(object{}, err)
			return
		}
		defer res.Body.Close()
		for d := json.NewDecoder(res.Body); ; {
			var o object
			err := cmp.Or(ctx.Err(), d.Decode(&o))
			if err == io.EOF || !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// Stat looks for a file of the name, then for a directory: there is one if any key
// begins with the name and a slash.
func (b bucket) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !fs.ValidPath(name):
		return nil, fs.ErrInvalid
	case name == ".":
		return object{}, nil
	}
	file, err := b.head(ctx, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	for first, err := range b.keys(ctx, name+"/") {
		return object{Key: name + "/", Modified: first.Modified}, err
	}
	return nil, fs.ErrNotExist
}

// head returns the description of an object, from the headers of an answer.
func (b bucket) head(ctx context.Context, key string) (object, error) {
	req, err := b.request(ctx, "HEAD", key, nil)
	if err != nil {
		return object{}, err
	}
	res, err := b.do(req)
	if err != nil {
		return object{}, err
	}
	modified, err := http.ParseTime(res.Header.Get("Last-Modified"))
	return object{key, res.ContentLength, modified}, errors.Join(err, res.Body.Close())
}

// directory returns the prefix of the keys in a directory.
func (b bucket) directory(ctx context.Context, name string) (prefix string, err error) {
	switch fi, err := b.Stat(ctx, name); {
	case err != nil:
		return "", err
	case !fi.IsDir():
		return "", driver.ErrNotDir
	case name == ".":
		return "", nil
	}
	return name + "/", nil
}

func (b bucket) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		prefix, err := b.directory(ctx, name)
		if err != nil {
			yield(nil, err)
			return
		}
		for o, err := range b.keys(ctx, prefix) {
			if err == nil && o.Key == prefix {
				continue // the directory itself
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

func (b bucket) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	switch fi, err := b.Stat(ctx, name); {
	case err != nil:
		return nil, err
	case fi.IsDir():
		return nil, driver.ErrIsDir
	case offset < 0:
		return nil, fs.ErrInvalid
	case offset > fi.Size():
		return nil, driver.ErrOffset
	case offset == fi.Size():
		return io.NopCloser(strings.NewReader("")), nil // HTTP has no empty ranges
	}
	req, err := b.request(ctx, "GET", name, nil, "Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	if err != nil {
		return nil, err
	}
	res, err := b.do(req)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// WritesInPlace returns false, so that a quota counts the old object until Commit.
func (b bucket) WritesInPlace(string, driver.StoreOptions) bool { return false }

// CheckStore is called before the client is told to send, and again by Store.
func (b bucket) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if opts.Append || opts.Offset != 0 {
		return errors.ErrUnsupported // objects are written whole
	}
	return b.free(ctx, name, func(there fs.FileInfo) bool { return !opts.Exclusive })
}

// free returns an error unless a name may be stored to: its directory exists, no
// directory has the name, and a file that has it may be replaced.
func (b bucket) free(ctx context.Context, name string, replace func(there fs.FileInfo) bool) error {
	fi, err := b.Stat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err := b.directory(ctx, path.Dir(name))
		return err
	case err != nil:
		return err
	case replace(fi):
		if fi.IsDir() {
			return driver.ErrIsDir
		}
		return nil
	}
	return fs.ErrExist
}

func (b bucket) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	free := func() error { return b.CheckStore(ctx, name, opts) }
	if err := free(); err != nil {
		return nil, err
	}
	if opts.Exclusive { // another client may be quicker: the store decides at the end
		return b.put(ctx, name, free, "If-None-Match", "*")
	}
	return b.put(ctx, name, free)
}

func (b bucket) Mkdir(ctx context.Context, name string) error {
	if err := b.free(ctx, name, func(fs.FileInfo) bool { return false }); err != nil {
		return err
	}
	return b.send(ctx, "PUT", name+"/", "If-None-Match", "*")
}

func (b bucket) Remove(ctx context.Context, name string) error {
	switch fi, err := b.Stat(ctx, name); {
	case err != nil:
		return err
	case fi.IsDir():
		return driver.ErrIsDir
	}
	return b.send(ctx, "DELETE", name)
}

func (b bucket) RemoveDir(ctx context.Context, name string) error {
	prefix, err := b.directory(ctx, name)
	if err != nil {
		return err
	}
	if prefix == "" {
		return fs.ErrPermission
	}
	for o, err := range b.keys(ctx, prefix) {
		if err != nil {
			return err
		}
		if o.Key != prefix {
			return driver.ErrNotEmpty
		}
	}
	return b.send(ctx, "DELETE", prefix)
}

// Rename copies the object within the store, and then deletes the old one.
func (b bucket) Rename(ctx context.Context, from, to string) error {
	if from == "." || to == "." {
		return fs.ErrPermission
	}
	fi, err := b.Stat(ctx, from)
	if err != nil {
		return err
	}
	if fi.IsDir() {
		return errors.ErrUnsupported // would be thousands of copies, with no way back after half of them
	}
	if err := b.free(ctx, to, func(there fs.FileInfo) bool { return !there.IsDir() }); err != nil || from == to {
		return err
	}
	source := url.URL{Path: from}
	if err := b.send(ctx, "PUT", to, "Copy-Source", source.EscapedPath()); err != nil {
		return err
	}
	return b.send(ctx, "DELETE", from)
}
