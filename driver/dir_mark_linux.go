package driver

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes that grow leaves behind if the process ends in the middle.
const (
	growsAttr = "user.sallyport.grows" // of the file: its length, and how many bytes are being added
	forAttr   = "user.sallyport.for"   // of the temporary file: the name of the file beside it
)

// mark sets an attribute on a file of n bytes, which says that t bytes are
// being added to it. Not every file system keeps attributes.
func mark(f *os.File, n, t int64) error {
	return unix.Fsetxattr(int(f.Fd()), growsAttr, fmt.Append(nil, n, " ", t), 0)
}

// unmark removes the attribute that mark sets.
func unmark(f *os.File) error {
	err := unix.Fremovexattr(int(f.Fd()), growsAttr)
	if errors.Is(err, unix.ENODATA) {
		return nil
	}
	return err
}

// marked returns the two sizes that mark has set. It reports false for a file
// without a mark.
func marked(f *os.File) (n, t int64, ok bool) {
	before, added, ok := strings.Cut(attr(f, growsAttr), " ")
	if !ok {
		return 0, 0, false
	}
	n, err1 := strconv.ParseInt(before, 10, 64)
	t, err2 := strconv.ParseInt(added, 10, 64)
	return n, t, err1 == nil && err2 == nil && n >= 0 && t >= 0
}

// belongs sets the attribute of a temporary file that names the file beside it
// to which it belongs.
func belongs(temp *os.File, base string) error {
	return unix.Fsetxattr(int(temp.Fd()), forAttr, []byte(base), 0)
}

// owner returns the name that belongs has set, empty if there is none.
func owner(temp *os.File) string { return attr(temp, forAttr) }

// attr returns the value of an attribute, empty without one.
func attr(f *os.File, name string) string {
	var buf [256]byte
	n, err := unix.Fgetxattr(int(f.Fd()), name, buf[:])
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// setAppend makes each write to an open file go to the end of the file.
func setAppend(f *os.File) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_APPEND)
	}
	return os.NewSyscallError("fcntl", err)
}
