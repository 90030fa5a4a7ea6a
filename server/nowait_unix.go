//go:build unix && (!linux || 386 || s390x)

package server

import "golang.org/x/sys/unix"

// pollNow returns which of the events have happened on a file descriptor. It does
// not wait.
func pollNow(fd uintptr, events int16) (happened int16, err error) {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	if _, err = unix.Poll(p[:], 0); err != nil {
		return 0, err
	}
	return p[0].Revents, nil
}
