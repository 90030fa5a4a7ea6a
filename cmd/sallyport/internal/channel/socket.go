//go:build linux

package channel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Files says which descriptors the other end may send.
type Files int

const (
	RegularFiles Files = iota // regular files only
	AnyFiles                  // any descriptor, for an other end that is trusted with that
)

// Socket sends and receives messages, each with at most one descriptor. Send is safe for concurrent use.
type Socket struct {
	// Patience bounds how long it may take to send a message; 0 sets no bound.
	Patience time.Duration

	f     *os.File // the socket; each call on it says whether it blocks
	raw   syscall.RawConn
	ready *os.File // becomes readable when there is a message; nil if Receive blocks in the system
	files Files
	oob   []byte     // the buffer of Receive for descriptors
	full  sync.Mutex // is held while a sender waits for room
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
	s, err := OpenBlocking(f, files)
	if err == nil {
		s.ready, err = watch(s.raw)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// OpenBlocking is Open for a process that has little else to do: Receive occupies a thread while it waits, so that a
// message wakes only that thread.
func OpenBlocking(f *os.File, files Files) (*Socket, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	var kind int
	if e := raw.Control(func(fd uintptr) {
		kind, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	}); e != nil || err != nil || kind != unix.SOCK_SEQPACKET {
		f.Close()
		return nil, errors.New("channel: not a socket of Pair")
	}
	return &Socket{f: f, raw: raw, files: files, oob: make([]byte, unix.CmsgSpace(4))}, nil
}

// watch returns a file that becomes readable when a message is there. Go's poller would also wait for room to send, and
// wake this process for nothing each time that the other end reads a message.
func watch(socket syscall.RawConn) (*os.File, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	err = unix.SetNonblock(fd, true) // has package os use its poller
	if e := socket.Control(func(s uintptr) {
		if err == nil {
			err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, int(s), &unix.EpollEvent{Events: unix.EPOLLIN})
		}
	}); err == nil {
		err = e
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return os.NewFile(uintptr(fd), "channel"), nil
}

// SyscallConn implements syscall.Conn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return s.raw, nil }

// Close ends the socket at both ends. Further calls of Close do nothing.
func (s *Socket) Close() error {
	s.raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_RDWR) }) // wakes calls that block in the system
	if s.ready != nil {
		s.ready.Close()
	}
	if err := s.f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Send sends a message, with a descriptor of f unless f is nil.
func (s *Socket) Send(b []byte, f *os.File) error {
	if len(b) > MaxMessage {
		return fmt.Errorf("channel: a message of %d bytes", len(b))
	}
	if f == nil {
		return s.send(b, nil)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sending error
	err = raw.Control(func(fd uintptr) { // keeps f open until it is sent
		sending = s.send(b, unix.UnixRights(int(fd)))
	})
	return errors.Join(err, sending)
}

func (s *Socket) send(b, oob []byte) error {
	err := s.sendNow(b, oob)
	if err != unix.EAGAIN {
		return os.NewSyscallError("sendmsg", err)
	}
	s.full.Lock() // lets a single thread wait for room
	defer s.full.Unlock()
	for start := time.Now(); ; {
		if err = s.sendNow(b, oob); err != unix.EAGAIN {
			return os.NewSyscallError("sendmsg", err)
		}
		left := time.Duration(-1)
		if s.Patience > 0 {
			if left = s.Patience - time.Since(start); left <= 0 {
				return os.ErrDeadlineExceeded
			}
		}
		s.awaitRoom(left)
	}
}

// sendNow sends a message, or fails at once if there is no room for it.
func (s *Socket) sendNow(b, oob []byte) (err error) {
	if e := s.raw.Control(func(fd uintptr) {
		err = again(func() error { return unix.Sendmsg(int(fd), b, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) })
	}); e != nil {
		return os.ErrClosed
	}
	return err
}

// awaitRoom waits until there is room to send, for at most most; a negative most sets no bound.
func (s *Socket) awaitRoom(most time.Duration) {
	wait := -1
	if most >= 0 {
		wait = int(most/time.Millisecond) + 1
	}
	s.raw.Control(func(fd uintptr) {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, wait)
	})
}

// again repeats a system call for as long as signals interrupt it.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// Receive reads one message into buf, which has room for MaxMessage bytes, and the file in the message, nil for none.
// The error is io.EOF after the other end was closed, and io.EOF or os.ErrClosed after Close.
func (s *Socket) Receive(buf []byte) (b []byte, f *os.File, err error) {
	n, oobn, flags, err := s.receive(buf)
	switch {
	case err != nil:
		return nil, nil, err
	case n == 0 && oobn == 0:
		return nil, nil, io.EOF
	case oobn > 0:
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

func (s *Socket) receive(buf []byte) (n, oobn, flags int, err error) {
	take := func(wait int) (done bool) {
		e := s.raw.Control(func(fd uintptr) {
			err = again(func() (err error) {
				n, oobn, flags, _, err = unix.Recvmsg(int(fd), buf, s.oob, unix.MSG_CMSG_CLOEXEC|wait)
				return err
			})
		})
		if e != nil {
			err = os.ErrClosed
		}
		return err != unix.EAGAIN
	}
	if s.ready == nil {
		take(0)
		return n, oobn, flags, os.NewSyscallError("recvmsg", err)
	}
	ready, e := s.ready.SyscallConn()
	if e == nil {
		e = ready.Read(func(uintptr) bool { return take(unix.MSG_DONTWAIT) })
	}
	switch {
	case errors.Is(e, os.ErrDeadlineExceeded):
		return 0, 0, 0, e
	case e != nil:
		err = os.ErrClosed
	}
	return n, oobn, flags, os.NewSyscallError("recvmsg", err)
}

// interrupt has Receive return os.ErrDeadlineExceeded and read nothing from the socket until goOn is called. It must
// not be called on a socket of OpenBlocking.
func (s *Socket) interrupt() error { return s.ready.SetReadDeadline(time.Unix(1, 0)) }

func (s *Socket) goOn() error { return s.ready.SetReadDeadline(time.Time{}) }

// duplicate returns a duplicate of the socket's descriptor.
func (s *Socket) duplicate() (*os.File, error) {
	var fd int
	var err error
	if e := s.raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "channel"), nil
}

// descriptor returns the one descriptor in the ancillary data of a message.
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
