//go:build !unix

package server

import (
	"errors"
	"net"
	"os"
	"time"
)

// inputWaits can't tell on this system.
func inputWaits(*net.TCPConn) (waits, known bool) { return false, false }

// dropInput drops the input that arrives on a connection within a millisecond.
func dropInput(conn *net.TCPConn) (state found) {
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	var buf [4096]byte
	for sum := 0; sum < dropMost; {
		n, err := conn.Read(buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return state
		case err != nil:
			return inputEnded
		}
		sum += n
		state = inputCame
	}
	return state
}
