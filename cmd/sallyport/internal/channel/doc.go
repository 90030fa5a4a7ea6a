// Package channel passes messages between the processes of one server, over a Unix socket that keeps their bounds
// (SOCK_SEQPACKET). A message carries at most one descriptor.
//
// [Socket] sends and receives messages, [Writer] and [Reader] write and read their content, and with a [Peer] both
// ends ask questions and answer them. Neither end trusts the other: a message has a bounded length, and one that makes
// no sense ends the socket.
//
// Every message begins with the version of the format ([Version]): a process speaks only with processes of the same
// version. They may come from another executable, after an upgrade of the server.
package channel
