package s3

import (
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"
)

// info describes a file, or a directory, which has no time: there may be no object
// that could have one.
type info struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func fileInfo(name string, o minio.ObjectInfo) info {
	// The header that describes one object knows no fractions of a second, other
	// than listings do.
	return info{name, o.Size, 0o644, o.LastModified.UTC().Truncate(time.Second)}
}

func dirInfo(name string) info { return info{name: name, mode: fs.ModeDir | 0o755} }

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
