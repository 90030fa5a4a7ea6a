//go:build !linux

package driver

const anySize = 0 // files have 64 bits
