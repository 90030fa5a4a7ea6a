package driver

import "golang.org/x/sys/unix"

// pathOnly opens a directory that need not be readable, to ask about it.
const pathOnly = unix.O_PATH
