// Package tls is what an FTPS server's owner decides about TLS: the certificates,
// which are read again when they change, and the policy that ties data connections
// to their control connection.
//
//	cfg, err := tls.Load("cert.pem", "key.pem")
//	srv := &server.Server{TLS: cfg, SessionReuse: tls.Prefer}
//
// Config and the other names of crypto/tls that a program may want are aliases, so
// that a program imports one package named tls and not two.
//
// # Guarantees
//
// A server that is given a Config keeps these:
//
//   - Every ticket names the control connection it belongs to. A data
//     connection that resumes one has proved which session it is part of;
//     one that offers a ticket of another session is refused, unless the
//     policy is Off.
//   - No byte of an upload is lost because the client closed without reading:
//     on a data connection the TLS 1.3 session ticket is not sent before the
//     client can be expected to read it.
//   - A missing close_notify is seen: [Conn.Truncated].
//   - close_notify is sent at the end of every connection whose handshake
//     succeeded, and never makes Close wait for long.
//
// # Security considerations
//
// It is a vulnerability if a data connection is accepted under Require, or
// reported as Resumed, without proof that it holds a secret of that very
// session; if one with a foreign ticket is accepted under Prefer; if a client
// offering only other application protocols gets past the handshake; or if a
// private key or ticket key reaches a log or an error. That a data connection
// without any ticket is accepted under Prefer is intended: many clients never
// resume.
package tls
