//go:build unix && !linux

package driver

const pathOnly = 0
