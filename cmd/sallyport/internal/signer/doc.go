// Package signer keeps private keys in a process that has nothing to do with the network. The process that has the
// network asks for the signatures of TLS handshakes, and for nothing else: see [Allowed].
//
// Whoever takes over the asking process can have handshakes signed for as long as he has it, and has no key afterwards.
package signer
