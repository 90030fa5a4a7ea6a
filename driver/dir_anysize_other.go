//go:build !linux

package driver

const anySize = 0 // sizes of files have 64 bits here
