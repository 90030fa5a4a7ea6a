package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the system who has connected to a Unix socket. known is false where systems don't say.
func peerOf(conn net.Conn) (p peer, known bool, err error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return peer{}, true, err
	}
	var cred *unix.Ucred
	failed := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if failed != nil {
		err = failed
	}
	if err != nil {
		return peer{}, true, err
	}
	return peer{int(cred.Uid), int(cred.Gid)}, true, nil
}
