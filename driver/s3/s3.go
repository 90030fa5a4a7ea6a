// Package s3 keeps files in a bucket of Amazon S3 or of a store that speaks its
// protocol. It is a module of its own, so that nobody else downloads its client.
//
//	client, err := minio.New("s3.eu-central-1.amazonaws.com", &minio.Options{
//		Creds:  credentials.NewEnvAWS(),
//		Region: "eu-central-1",
//		Secure: true,
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	files := &s3.FS{Client: client, Bucket: "exchange", Prefix: "vendors/acme"}
//	srv := &server.Server{Driver: driver.User("alice", "correct horse", files)}
//
// Any number of servers may use one bucket at the same time: an [FS] remembers
// nothing.
//
// # Uploads
//
// Uploads are atomic. A file of up to [FS.PartSize] bytes is one PUT, made by
// Commit. A larger one is a multipart upload, whose parts are sent while the
// client sends, and which Commit completes. An upload that is cut is aborted. What
// the parts hold when a process crashes in the middle stays in the bucket, unseen
// and charged for, until a lifecycle rule removes it:
//
//	{"Rules": [{"ID": "cut-uploads", "Status": "Enabled", "Filter": {},
//		"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]}
//
// # What object storage can't do
//
// A file is written whole: appending to one (APPE) and writing in its middle (REST
// with STOR) are [errors.ErrUnsupported]. Reading from an offset is as cheap as
// reading from the start. Rename of a file is a copy by the store, then a removal of
// what was copied: a file that somebody stored under the old name meanwhile stays, if
// the store removes on a condition (Amazon S3, Versity); with others it may be lost
// when it came in the very moment of the removal. The same is true of files that COMB
// has joined ([FS.RemoveSame]). Rename tells files apart by the ETag, and COMB by the
// time in seconds as well: a file that was stored again with the same bytes may be
// removed.
//
// Rename of a directory copies and removes each file below, and is therefore bounded
// by [FS.MaxRename]; others may see both names for a while. A file that somebody
// stores under the new name before the copy there is begun makes the rename fail; a
// file that comes in the very moment of the copy is replaced. A rename that fails
// removes its copies, and leaves a file that was stored over one of them. If the
// connection broke before the store told the ETag of a copy, the copy of a file that
// was uploaded in parts may stay. Times can't be set: a file has the time when its
// upload began or ended, as the store sees it.
//
// Of several uploads to one free name with [driver.StoreOptions].Exclusive (STOU) only one is
// committed if the store has conditional writes, as Amazon S3, MinIO and Versity have. A store that
// refuses the condition gets [errors.ErrUnsupported]; one that ignores it lets the last upload win.
//
// # Directories
//
// A directory is an empty object whose key ends in a slash, as the consoles of
// stores make it, or whatever the keys of others imply: "in/a.txt" makes a
// directory "in". When the last file of such a directory is removed, an object of
// the first kind takes its place, so that the directory stays. Directories have no
// times. Keys that no FTP client could name, such as "a//b", are not listed. When
// there is a file "a" next to files "a/b", a is listed twice and means the file.
//
// # Security considerations
//
// An [FS] can do what the credentials of its Client can: give the credentials no more
// of the store than the bucket. Whoever may write to the bucket by other ways can
// change every file.
//
// It counts as a vulnerability when a name reaches a key outside of [FS.Prefix], or a
// Prefix made of the name of a user leads elsewhere; when an upload that was cut, or
// the part of an upload, can be read; and when memory grows with the size of a file.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// Limits of S3.
const (
	maxKey      = 1024
	maxParts    = 10_000
	minPartSize = 5 << 20
	maxPartSize = 5 << 30
)

// What the zero values of FS stand for.
const (
	defaultPartSize  = 8 << 20
	defaultMaxRename = 1000

	// partsBeforeGrowth is how many parts of one size a file has.
	partsBeforeGrowth = 1000
)

// FS is a [driver.FS] of the objects of a bucket. The fields are options: set
// them before the first use and leave them alone afterwards. All methods may be
// called concurrently. It needs no Close.
type FS struct {
	// Client reaches the store. A Client that is not told the region has to ask for
	// the region first.
	Client *minio.Client

	// Bucket is the name of the bucket, which must exist.
	Bucket string

	// Prefix is the directory of the bucket that is the root, as
	// [fs.ValidPath] has it, such as "vendors/acme"; with any other every
	// call fails. Nothing outside can be reached. The zero value is the
	// whole bucket.
	Prefix string

	// PartSize is the size of the parts that larger files are sent in, from 5
	// MiB to 5 GiB. An upload holds up to two in memory, and a file has up to
	// 10,000, which bounds its size.
	//
	// 0 is 8 MiB and grows with the file: it doubles every 1,000 parts, so that a
	// file whose size was not announced may have 8 TiB. A file that the client
	// announced (ALLO) has parts large enough from the start. Stores that want parts
	// of one size, such as Cloudflare R2, need a PartSize for files of more than 7.8
	// GiB.
	PartSize int64

	// MaxRename is how many objects may be below a directory that is renamed.
	// 0 is 1000; with a negative number only files can be renamed.
	MaxRename int

	// Transport is the Transport of the Client's options, nil for minio's own. Rename
	// and RemoveSame use it for requests that the Client can't make: to remove an
	// object on a condition.
	Transport http.RoundTripper

	copyLimit int64 // larger objects are copied in parts; 0 stands for S3's limit
}

// Check reports whether the options make sense and the bucket can be reached. A
// program calls it before it serves.
func (f *FS) Check(ctx context.Context) error {
	if err := f.checkPrefix(); err != nil {
		return err
	}
	switch {
	case f.Client == nil:
		return errors.New("s3: there is no Client")
	case f.PartSize != 0 && f.PartSize != within(f.PartSize):
		return fmt.Errorf("s3: PartSize is %d bytes; want 5 MiB to 5 GiB, or 0 for 8 MiB", f.PartSize)
	}
	exists, err := f.Client.BucketExists(ctx, f.Bucket)
	if err == nil && !exists {
		err = errors.New("it does not exist")
	}
	if err != nil {
		return fmt.Errorf("s3: bucket %q: %w", f.Bucket, err)
	}
	return nil
}

// checkPrefix refuses a Prefix that is no path, before every call: a Prefix may be made
// of the name of a user, and a key made of "vendors/.." would be somebody else's.
func (f *FS) checkPrefix() error {
	if f.Prefix != "" && (!fs.ValidPath(f.Prefix) || f.Prefix == ".") {
		return fmt.Errorf("s3: Prefix is %q; want names with slashes between them, such as vendors/acme", f.Prefix)
	}
	return nil
}

// partSize returns the size of the first parts of a file that was announced with so
// many bytes, 0 for one that was not.
func (f *FS) partSize(announced int64) int64 {
	if f.PartSize != 0 {
		return within(f.PartSize)
	}
	return within(max(defaultPartSize, (announced+maxParts-1)/maxParts))
}

// partSizeAt returns the size of the part behind n others.
func (f *FS) partSizeAt(first int64, n int) int64 {
	if f.PartSize != 0 {
		return first
	}
	return within(first << (n / partsBeforeGrowth))
}

// within returns the nearest size that S3 takes for a part.
func within(size int64) int64 { return min(max(size, minPartSize), maxPartSize) }

// largest returns the size that a file may have if the client announces the size.
func (f *FS) largest() int64 {
	if f.PartSize != 0 {
		return maxParts * f.partSize(0)
	}
	return maxParts * maxPartSize
}

func (f *FS) core() minio.Core { return minio.Core{Client: f.Client} }

// key returns the key of a file.
func (f *FS) key(name string) string { return path.Join(f.Prefix, name) }

// dirKey returns the key of the object that stands for a directory, which is also the
// prefix of the keys below. It is empty for the root of the whole bucket.
func (f *FS) dirKey(name string) string {
	if key := f.key(name); key != "." {
		return key + "/"
	}
	return ""
}

// begin checks a name and the context before anything else.
func (f *FS) begin(ctx context.Context, name string) error {
	if err := f.checkPrefix(); err != nil {
		return err
	}
	switch {
	case !fs.ValidPath(name):
		return fs.ErrInvalid
	case strings.IndexByte(name, 0) >= 0 || len(f.dirKey(name)) > maxKey:
		return driver.ErrName
	}
	return ctx.Err()
}
