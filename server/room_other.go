//go:build !linux || 386 || s390x

package server

import "syscall"

// Nothing is known of the kernel's buffers on this system, so a write that blocks
// holds what it writes. tls and pool bound what all hold together.

const leastAhead, mostAhead, aheadTimes = 1, 1, 1

func roomNow(syscall.RawConn, int) (int, bool) { return unknownRoom, true }

func awaitRoom(syscall.RawConn, int) (int, error) { return unknownRoom, nil }

func unsent(syscall.RawConn) int { return 0 }

func sendAhead(syscall.RawConn, int) {}

func awaitInput(syscall.RawConn) {}
