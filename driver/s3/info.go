package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// info describes a file, or a directory, which has no time: there may be no object
// that could have one.
type info struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time

	key, etag string // of a file
}

func fileInfo(name string, o minio.ObjectInfo) info {
	// Cut off fractions of a second, which listings tell and the headers of a single
	// object don't.
	return info{name, o.Size, 0o644, o.LastModified.UTC().Truncate(time.Second), o.Key, o.ETag}
}

func dirInfo(name string) info { return info{name: name, mode: fs.ModeDir | 0o755} }

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// ID returns an identifier that is another one for each name, and for a file that is
// stored again with other content. Package driver compares descriptions by the ID,
// because two may agree in size and second. A directory has none.
func (i info) ID() string {
	if i.etag == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(i.etag + "\x00" + i.key))
	return hex.EncodeToString(sum[:16])
}

// describedBy reports whether a description, perhaps a wrapped one, is of the file as
// it is. A description without the ID doesn't count.
func (i info) describedBy(other fs.FileInfo) bool {
	known, ok := other.(driver.FileID)
	return ok && i.ID() != "" && known.ID() == i.ID() &&
		other.Size() == i.size && other.ModTime().Equal(i.modTime)
}
