//go:build unix

package server

import "syscall"

// maxDescriptors returns how many descriptors the process may open, 0 if unknown.
// Go has raised the limit as far as the system lets it.
func maxDescriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur)
}
