//go:build linux

package part

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// program is the path of the running executable, even if its file was replaced meanwhile.
const program = "/proc/self/exe"

// image copies the executable into memory, where parts can execute but not read it. So the system protects the memory
// of parts from other processes of their user from the start, and parts need no rights to the directory of the
// executable. It returns the path for exec. The copy lives as long as this process.
func image() (path string, err error) {
	own, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer own.Close()
	fd, err := unix.MemfdCreate("sallyport", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 all such files could be executed
		fd, err = unix.MemfdCreate("sallyport", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return "", os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "sallyport")
	defer f.Close()
	if _, err := io.Copy(f, own); err != nil {
		return "", err
	}
	const onlyExecuted = 0o111
	if err := f.Chmod(onlyExecuted); err != nil {
		return "", err
	}
	// Opens the copy for reading, since a file that is open for writing can't be executed.
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("open", err)
	}
	defer unix.Close(again)
	const beyondThoseOfParts = 64 // descriptors of parts get lower numbers before exec uses this one
	kept, err := unix.FcntlInt(uintptr(again), unix.F_DUPFD_CLOEXEC, beyondThoseOfParts)
	if err != nil {
		return "", os.NewSyscallError("fcntl", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", kept), nil
}
