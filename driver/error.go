package driver

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that io/fs has no name for. Drivers wrap them as they like.
var (
	ErrQuota    = errors.New("driver: storage limit reached")
	ErrOffset   = errors.New("driver: offset is beyond the end of the file")
	ErrIsDir    = errors.New("driver: is a directory")
	ErrNotDir   = errors.New("driver: is not a directory")
	ErrNotEmpty = errors.New("driver: directory is not empty")
	ErrName     = errors.New("driver: name is not allowed here")
	ErrChanged  = errors.New("driver: file has been changed or removed meanwhile")
	ErrBusy     = errors.New("driver: file is in use")
)

// Error is an error whose words are meant for the client. The server makes
// Text one safe line and sends it after Code.
type Error struct {
	// Code is the reply code, 400 to 599; anything else is sent as 550. 421
	// ends the session (RFC 959, section 4.2.2). A login knows fewer codes, see
	// Driver.
	Code int
	// Text is what the client reads.
	Text string
	// Err is the cause, for the log and for errors.Is. It may be nil.
	Err error
}

// Error returns code, text and cause as one sentence for a log.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%d %s: %v", e.Code, strings.TrimRight(e.Text, ". "), e.Err)
	}
	return fmt.Sprintf("%d %s", e.Code, e.Text)
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// errUploading is the error of RemoveDir for a directory that seems empty but
// holds the temporary file of an upload.
var errUploading = &Error{Code: 450, Text: "An upload into the directory is in progress.", Err: ErrNotEmpty}
