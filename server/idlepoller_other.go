//go:build !linux

package server

// idlePoller does nothing on this system: each idle session waits for its input in
// a goroutine.
type idlePoller struct{}

func (*idlePoller) park(*waiter) bool   { return false }
func (*idlePoller) remove(*waiter) bool { return false }
func (*idlePoller) close()              {}
