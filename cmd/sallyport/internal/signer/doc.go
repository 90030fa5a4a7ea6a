// Package signer keeps private keys in a process that has nothing to do with the network. The process that has the
// network asks it for the signatures of TLS handshakes and gets nothing else: see [Allowed].
//
// An attacker who takes over the asking process can have handshakes signed as long as that lasts, but gets no key.
package signer
