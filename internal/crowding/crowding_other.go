//go:build !linux

package crowding

// Now can't tell on this system.
func Now() int { return 1 }
