//go:build !linux

package server

import "net"

// hungUp can't tell on this system, where the end of a connection shows only when
// all before it is read.
func hungUp(net.Conn) bool { return false }

// awaitHangUp can't wait on this system.
func awaitHangUp(net.Conn) bool { return false }
