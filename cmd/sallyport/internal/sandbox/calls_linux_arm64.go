package sandbox

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_AARCH64

// Calls that have other names on other architectures.
var (
	olderNever    []uint32
	olderChanging []uint32
	olderLooking  = []uint32{unix.SYS_FSTATAT}
	olderMinimal  []uint32
)
