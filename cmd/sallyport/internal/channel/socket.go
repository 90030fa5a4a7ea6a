//go:build linux

package channel

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Files says which descriptors may come with messages.
type Files int

const (
	RegularFiles Files = iota // those of regular files only
	AnyFiles                  // of whatever the other end likes, which has to be trusted in that
)

// Socket sends and receives messages, each with one descriptor at most. Sending is safe for concurrent use.
type Socket struct {
	// Patience is how long a message may take to be sent; 0 is without end.
	Patience time.Duration

	conn  *net.UnixConn
	files Files
	oob   []byte // of Receive
}

// Pair returns the two ends of a socket.
func Pair() (a, z *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel"), nil
}

// Open takes over one end of Pair.
func Open(f *os.File, files Files) (*Socket, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("channel: not a Unix socket")
	}
	return &Socket{conn: uc, files: files, oob: make([]byte, unix.CmsgSpace(4))}, nil
}

// SyscallConn implements syscall.Conn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return s.conn.SyscallConn() }

// Close ends the socket at both ends.
func (s *Socket) Close() error { return s.conn.Close() }

// Send sends a message, and a descriptor of f unless that is nil.
func (s *Socket) Send(b []byte, f *os.File) error {
	if len(b) > MaxMessage {
		return fmt.Errorf("channel: a message of %d bytes", len(b))
	}
	if s.Patience > 0 {
		s.conn.SetWriteDeadline(time.Now().Add(s.Patience))
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

// Receive reads one message into buf, which has room for MaxMessage bytes, and the file that came with it, if any.
func (s *Socket) Receive(buf []byte) (b []byte, f *os.File, err error) {
	n, oobn, flags, _, err := s.conn.ReadMsgUnix(buf, s.oob)
	if err != nil {
		return nil, nil, err
	}
	if oobn > 0 {
		f, err = s.descriptor(s.oob[:oobn])
	}
	if err == nil && (n == 0 || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0) {
		err = ErrMessage
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
func (s *Socket) descriptor(oob []byte) (*os.File, error) {
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
		return nil, ErrMessage
	}
	unix.CloseOnExec(all[0])
	f := os.NewFile(uintptr(all[0]), "file of another process")
	if s.files == AnyFiles {
		return f, nil
	}
	if fi, err := f.Stat(); err != nil || fi.Mode()&fs.ModeType != 0 {
		f.Close()
		return nil, ErrMessage
	}
	return f, nil
}
