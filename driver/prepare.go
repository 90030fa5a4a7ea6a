package driver

// Preparer is an optional ability of an [Upload]: Prepare does in advance the
// part of Commit that takes long, such as making the data durable. The server
// calls Prepare after the last Write, while it waits to learn whether the data
// ended as it should: Prepare must show nothing of the upload yet. After Prepare
// only Commit and Close are called.
//
// An Upload that wraps another has an Unwrap method that returns the wrapped one,
// or a Prepare of its own.
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
