package driver

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// reopen opens a file once more, for writing only and with an offset of its own,
// which begins at that of f.
func reopen(f *os.File) (*os.File, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	fd := f.Fd()
	flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY|flags&unix.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if _, err := again.Seek(at, io.SeekStart); err != nil {
		again.Close()
		return nil, err
	}
	return again, nil
}

// reopenReading opens a file once more, for reading only and from the first byte on.
func reopenReading(f *os.File) (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}
