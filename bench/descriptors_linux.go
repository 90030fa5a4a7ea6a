package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// allowDescriptors raises the limit of open files, connections included, to n
// for this process and those it starts.
func allowDescriptors(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= n {
		return nil
	}
	limit.Cur, limit.Max = n, max(n, limit.Max) // only root may raise Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d descriptors are needed (ulimit -n): %w", n, err)
	}
	return nil
}
