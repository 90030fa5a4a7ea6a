// Package channel is how the processes of one server speak with one another: messages over a Unix socket that keeps
// them apart (SOCK_SEQPACKET), each with one descriptor at most.
//
// [Socket] sends and receives messages, [Writer] and [Reader] make them and take them apart, and at a [Peer] both ends
// ask and answer. Neither end believes the other: a message has a bounded length, and one that makes no sense ends the
// socket.
//
// The format belongs to one version of the program, which every message begins with: a process only ever speaks with
// those that were started from the same executable.
package channel
