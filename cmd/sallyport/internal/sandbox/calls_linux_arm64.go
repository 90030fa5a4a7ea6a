package sandbox

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_AARCH64

// Calls whose names differ from those of other architectures.
var (
	olderNever    []uint32
	olderChanging []uint32
	olderLooking  = []uint32{unix.SYS_FSTATAT}
	olderMinimal  []uint32
)
