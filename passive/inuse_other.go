//go:build !linux

package passive

// inUse says what EADDRINUSE means.
const inUse = "already in use, by another program or by an outgoing connection of this host"
