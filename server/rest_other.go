//go:build !linux || !(amd64 || arm64)

package server

import "net"

// awaitInput leaves the waiting to Read.
func awaitInput(*net.TCPConn) {}
