// Package clients is the ground on which stock FTP clients meet a real server:
// a server on loopback that remembers what happened, and a table of steps which
// every client goes through. The tests of this package bring the clients.
package clients
