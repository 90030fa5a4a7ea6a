//go:build unix && !linux

package main

import "syscall"

// endTogether has nothing to do: a program that a killed server has left ends by itself.
func endTogether(*syscall.SysProcAttr) {}
