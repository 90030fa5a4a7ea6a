//go:build !linux

package main

import "net"

// dropWaiting is for listeners that others have opened, of which there are none here.
func dropWaiting(net.Listener) {}
