package driver

import "context"

// A Checksummer is an FS whose store keeps checksums, so that a file need not be
// read for HASH, XMD5, XSHA256 and so on. The server reads the file of any other
// FS.
type Checksummer interface {
	// Checksum returns the checksum of length bytes from offset on; a negative
	// length reaches to the end of the file. The algorithm is SHA-256, SHA-1,
	// SHA-512, MD5 or CRC32. An algorithm or a part of the file that the store
	// keeps no checksum of is errors.ErrUnsupported: the server then reads the
	// file.
	Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error)
}

// Checksum asks the first FS behind fsys that is a [Checksummer]. Without one the
// error is [errors.ErrUnsupported].
func Checksum(ctx context.Context, fsys FS, name, algorithm string, offset, length int64) ([]byte, error) {
	if s, ok := as[Checksummer](fsys); ok {
		return s.Checksum(ctx, name, algorithm, offset, length)
	}
	return nil, unsupported("checksums")
}
