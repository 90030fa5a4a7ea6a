package hand

import "os"

// Conn carries messages between a Client and the hand: a channel.Socket, or a channel.Stream, over which no files can
// be passed.
type Conn interface {
	Send(b []byte, f *os.File) error
	Receive(buf []byte) (b []byte, f *os.File, err error)
	Close() error
}
