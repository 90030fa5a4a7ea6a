//go:build !linux

package server

// lounge is where sessions rest without a goroutine; here they keep theirs.
type lounge struct{}

func (*lounge) park(*session) bool  { return false }
func (*lounge) fetch(*session) bool { return false }
func (*lounge) close()              {}
