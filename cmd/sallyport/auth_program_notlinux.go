//go:build unix && !linux

package main

import "syscall"

// endTogether does nothing: only Linux ends a program together with the server;
// elsewhere the program has to end by itself.
func endTogether(*syscall.SysProcAttr) {}
