package driver

// Preparer is an optional ability of an [Upload]: it does in advance what takes
// long of Commit, such as making the data durable. The server calls Prepare after
// the last Write, while the server waits whether the end of the data is to be
// believed: Prepare must show nothing of the upload yet. After Prepare only
// Commit and Close are called.
//
// An Upload that wraps another has an Unwrap method that returns that, or a
// Prepare of its own.
type Preparer interface {
	// Prepare returns an error if the upload can't be committed any more.
	Prepare() error
}

// Prepare calls the Prepare of an upload, or of one that it wraps. It does
// nothing when there is none.
func Prepare(u Upload) error {
	for {
		switch v := u.(type) {
		case Preparer:
			return v.Prepare()
		case interface{ Unwrap() Upload }:
			u = v.Unwrap()
		default:
			return nil
		}
	}
}
