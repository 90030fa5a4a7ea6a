package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Look returns what the running kernel supports.
func Look() (k Kernel) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno == 0 && version >= leastLandlock {
		k.Landlock = int(version)
	}
	k.Seccomp = seccompWorks()
	return k
}

// program is the path of the running executable.
const program = "/proc/self/exe"

// Rights of Landlock.
const (
	read    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	execute = unix.LANDLOCK_ACCESS_FS_EXECUTE
	// change is what may be done in Trees besides reading. Devices, FIFOs and sockets can't be made there.
	change = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM
	// ofFiles are the rights that apply to files other than directories.
	ofFiles = execute | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled returns the rights that a version of Landlock knows.
func handled(version int) uint64 {
	all := uint64(execute | read | change | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK)
	if version < 3 {
		all &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		all |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return all
}

// Enter restricts this thread by Landlock, and has it execute this program again with the given environment. It
// returns only if it fails.
func (r *Rules) Enter(environ []string) error {
	runtime.LockOSThread() // never unlocked: no other goroutine may run on the restricted thread
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if err := r.restrict(); err != nil {
		return err
	}
	return os.NewSyscallError("execve", unix.Exec(program, os.Args, environ))
}

// restrict restricts this thread by Landlock.
func (r *Rules) restrict() error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(r.Landlock)}
	if r.tellsPorts() && !r.Bind {
		attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_BIND_TCP
	}
	if r.tellsPorts() && (!r.Connect || len(r.Ports) > 0) {
		attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if r.Landlock >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	defer unix.Close(int(fd))
	own, err := mapped()
	if err != nil {
		return err
	}
	for _, path := range own {
		err = errors.Join(err, allow(fd, path, (read|execute)&attr.Handled_access_fs))
	}
	for _, path := range r.Lists {
		err = errors.Join(err, allow(fd, path, unix.LANDLOCK_ACCESS_FS_READ_DIR))
	}
	for _, path := range r.Read {
		err = errors.Join(err, allow(fd, path, read&attr.Handled_access_fs))
	}
	for _, path := range r.Trees {
		err = errors.Join(err, allow(fd, path, (read|change)&attr.Handled_access_fs))
	}
	if r.tellsPorts() {
		for _, port := range r.Ports {
			err = errors.Join(err, allowPort(fd, port))
		}
	}
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

// allow grants rights to a path and what is below it. A path that can't be found is ignored, since it can't be opened
// later either.
func allow(ruleset uintptr, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles
	}
	// The kernel's structure is packed: rights and descriptor, without Go's padding at the end, which the kernel
	// doesn't read.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno == unix.EBADFD { // a file in memory, such as a copy of this program, needs no rule
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("landlock_add_rule: %s: %w", path, errno)
	}
	return nil
}

// allowPort grants connections to a port.
func allowPort(ruleset uintptr, port uint16) error {
	const netPort = 2 // LANDLOCK_RULE_NET_PORT
	rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, netPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("landlock_add_rule: port %d: %w", port, errno)
	}
	return nil
}

// mapped returns the files that this program consists of: the executable, and the loader and shared libraries if it
// is linked with any. They are needed to execute it again.
func mapped() (files []string, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	files = append(files, program)        // works even if its directory can't be entered
	for line := range bytes.Lines(maps) { // "7f1c00000000-7f1c00021000 r-xp 00000000 fe:00 1234  /lib/libc.so.6"
		_, path, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " /")
		if path = "/" + path; ok && !strings.HasPrefix(path, "/memfd:") && !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	if len(files) > 1 {
		files = append(files, "/etc/ld.so.cache")
	}
	return files, nil
}
