//go:build !linux

package crowding

// Now returns 1: this system does not tell.
func Now() int { return 1 }
