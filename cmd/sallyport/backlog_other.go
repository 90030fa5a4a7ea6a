//go:build !linux

package main

import "net"

// dropWaiting does nothing: it is for listeners that another process has opened, and
// here there are none.
func dropWaiting(net.Listener) {}
