//go:build !unix

package main

// isRefused reports false: here there are no control sockets.
func isRefused(error) bool { return false }
