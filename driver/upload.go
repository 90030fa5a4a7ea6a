package driver

import (
	"io"
)

// StoreOptions say how an upload treats what is there already. The zero value creates
// the file or replaces it whole. An FS that can only do that, such as an object
// store, refuses the rest in Store with [errors.ErrUnsupported].
type StoreOptions struct {
	// Append adds to the end of the file as it is at Commit, creating it if
	// need be (APPE). Offset is ignored. If the file was there in Store and
	// has been removed since, Commit is ErrChanged, as it may be if a program
	// that takes no lock changes the file during Commit.
	Append bool

	// Offset keeps the first Offset bytes and replaces the rest (REST, then
	// STOR; RFC 3659, section 5): the file ends where the new data ends. An
	// Offset beyond the end of the file is ErrOffset, a missing file being
	// empty, and a negative one fs.ErrInvalid. If the file is not the one
	// that was there in Store, or has been changed since, Commit is
	// ErrChanged.
	Offset int64

	// Exclusive fails with fs.ErrExist, in Store or only in Commit, when the name
	// is taken (STOU).
	Exclusive bool

	// Size is how many bytes the client announced with ALLO, 0 if it did not.
	// It is a hint: more or fewer may follow.
	Size int64

	// Whole is set for the target of COMB, whose sources are removed after Commit,
	// and of SITE CPTO. The upload is atomic even in an FS that otherwise writes
	// in place, and durable when Commit returns even if the FS is told not to wait
	// for the disk. An FS that can do neither ignores Whole.
	Whole bool
}

// Upload is a file being stored. It is used like a transaction of
// database/sql: write, then Commit; Close in any case.
type Upload interface {
	io.Writer

	// Commit makes the upload the file. When it returns nil the data is as safe as
	// the FS can make it. Commit looks at the name once more, as the tree may have
	// changed since Store: the error is ErrIsDir or fs.ErrExist if the name has
	// become a directory, fs.ErrExist if the name must be free (Exclusive) and is
	// taken, and fs.ErrNotExist if a directory above was removed. With Append,
	// each of these may be ErrChanged instead. Nothing of the upload then stays.
	// An FS may also make the removed directory anew, as an object store does, or
	// refuse to remove it while an upload is under way. After Commit only Close
	// may be called; any other call is an error. Commit after a failed Write
	// fails.
	Commit() error

	// Close releases the upload. Without a successful Commit before it the
	// upload was cut: cause says why and the FS puts back what was there
	// before as well as it can. After Commit, Close does nothing and returns
	// nil. A second Close does nothing.
	Close(cause error) error
}
