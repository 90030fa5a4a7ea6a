//go:build linux

package hand

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket sends and receives messages, each with one descriptor at most. Sending is safe for concurrent use.
type socket struct {
	conn    *net.UnixConn
	patient time.Duration // how long a message may take to be sent; 0 is without end
	oob     []byte        // of receive
}

// Pair returns the two ends of a socket, one for NewClient and one for Serve.
func Pair() (client, server *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "hand"), os.NewFile(uintptr(fds[1]), "hand"), nil
}

// newSocket takes over one end of Pair.
func newSocket(f *os.File) (*socket, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("hand: not a Unix socket")
	}
	return &socket{conn: uc, oob: make([]byte, unix.CmsgSpace(4))}, nil
}

// send sends a message, and a descriptor of f unless that is nil.
func (s *socket) send(b []byte, f *os.File) error {
	if len(b) > maxMessage {
		return fmt.Errorf("hand: a message of %d bytes", len(b))
	}
	if s.patient > 0 {
		s.conn.SetWriteDeadline(time.Now().Add(s.patient))
	}
	if f == nil {
		_, _, err := s.conn.WriteMsgUnix(b, nil, nil)
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sending error
	err = raw.Control(func(fd uintptr) { // keeps f open until it is sent
		_, _, sending = s.conn.WriteMsgUnix(b, unix.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, sending)
}

// receive reads one message into buf. The descriptor that came with the message, if any, is of a regular file.
func (s *socket) receive(buf []byte) (b []byte, f *os.File, err error) {
	n, oobn, flags, _, err := s.conn.ReadMsgUnix(buf, s.oob)
	if err != nil {
		return nil, nil, err
	}
	if oobn > 0 {
		f, err = descriptor(s.oob[:oobn])
	}
	if err == nil && (n == 0 || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0) {
		err = errMessage
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, nil, err
	}
	return buf[:n], f, nil
}

// descriptor takes the one descriptor out of what came beside a message.
func descriptor(oob []byte) (*os.File, error) {
	control, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, m := range control {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, err
		}
		all = append(all, fds...)
	}
	if len(all) != 1 {
		for _, fd := range all {
			unix.Close(fd)
		}
		return nil, errMessage
	}
	unix.CloseOnExec(all[0])
	f := os.NewFile(uintptr(all[0]), "file of a hand")
	if fi, err := f.Stat(); err != nil || fi.Mode()&fs.ModeType != 0 {
		f.Close()
		return nil, errMessage
	}
	return f, nil
}
