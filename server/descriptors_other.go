//go:build !unix

package server

func maxDescriptors() uint64 { return 0 }
