package server

import (
	"io/fs"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// fillEntry fills an entry of a listing with what a driver says of a file.
func fillEntry(e *wire.Entry, info fs.FileInfo) {
	*e = wire.Entry{
		Name:    info.Name(),
		Size:    info.Size(),
		Mode:    info.Mode(),
		ModTime: info.ModTime(),
	}
	if o, ok := info.(driver.FileOwner); ok {
		e.Owner, e.Group = o.Owner(), o.Group()
	}
	if id, ok := info.(driver.FileID); ok {
		e.ID = id.ID()
	}
	e.Links = links(info)
}
