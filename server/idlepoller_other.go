//go:build !linux

package server

// idlePoller waits for the input of idle sessions; here they do so themselves, each in
// its goroutine.
type idlePoller struct{}

func (*idlePoller) park(*waiter) bool   { return false }
func (*idlePoller) remove(*waiter) bool { return false }
func (*idlePoller) close()              {}
