package main

import "golang.org/x/sys/unix"

// peerBehind returns the user and group that connected the other end of a Unix
// socket.
func peerBehind(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	return peer{int(cred.Uid), int(cred.Gid)}, nil
}
