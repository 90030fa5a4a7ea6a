package driver

import "os"

// A FileUpload is an [Upload] into a file of the system that another process can write into: the one that has
// the network, while this one has the rights of the user. The uploads of a [Dir] are FileUploads on Linux.
type FileUpload interface {
	Upload

	// OpenFile opens the file once more, for writing only, at the place of the first byte. The caller closes it.
	// Where the system can't, the error is errors.ErrUnsupported.
	OpenFile() (*os.File, error)

	// Wrote reports that n bytes were written to the file of OpenFile, in order and before Commit.
	// Write is not used then.
	Wrote(n int64)
}
