//go:build !unix

package server

import "net"

// inputWaits can't tell on this system.
func inputWaits(net.Conn) (waits, known bool) { return false, false }
