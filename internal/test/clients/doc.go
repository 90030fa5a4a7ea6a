// Package clients is the ground on which stock FTP clients meet a real server:
// a server on loopback that remembers what happened, and one table of steps
// which every client goes through. The tests beside it bring the clients.
package clients
