package sandbox

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_X86_64

// Calls that newer architectures lack.
var (
	olderNever = []uint32{
		unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_MODIFY_LDT, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_USELIB, unix.SYS_MKNOD,
	}
	olderChanging = []uint32{
		unix.SYS_UNLINK, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_RENAME, unix.SYS_LINK, unix.SYS_SYMLINK, unix.SYS_CHMOD, unix.SYS_CHOWN,
		unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
	}
	olderLooking = []uint32{
		unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_INOTIFY_INIT,
	}
	olderMinimal = []uint32{
		unix.SYS_POLL, unix.SYS_EPOLL_WAIT, unix.SYS_DUP2, unix.SYS_PIPE, unix.SYS_ARCH_PRCTL, unix.SYS_TIME,
	}
)
