//go:build darwin || freebsd

package main

import "golang.org/x/sys/unix"

// peerBehind returns the user and group that connected the other end of a Unix
// socket.
func peerBehind(fd int) (peer, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	return peer{int(cred.Uid), int(cred.Groups[0])}, nil
}
