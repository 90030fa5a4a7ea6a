//go:build linux && !race && !386 && !s390x

package rawio

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// most is how many bytes are moved at once without the knowledge of Go's
// scheduler, which can't stop the goroutine meanwhile, as a collection of
// garbage needs to.
const most = 64 << 10

// Conn is a TCP connection. It has methods of its own for Read, Write and
// NetConn alone.
type Conn struct {
	*net.TCPConn
	in, out half
}

// half is one direction of a connection.
type half struct {
	mu   sync.Mutex                                   // held by Read or Write
	call uintptr                                      // recvfrom(2) or sendto(2)
	when func(try func(fd uintptr) (done bool)) error // waits for the kernel
	try  func(fd uintptr) (done bool)
	p    []byte
	n    int
	err  syscall.Errno
}

// On returns conn, or a Conn in place of it if it is a TCP connection.
func On(conn net.Conn) net.Conn {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return conn
	}
	c := &Conn{TCPConn: t}
	c.in.call, c.in.when, c.in.try = syscall.SYS_RECVFROM, raw.Read, c.in.move
	c.out.call, c.out.when, c.out.try = syscall.SYS_SENDTO, raw.Write, c.out.move
	return c
}

// TCP returns the TCP connection that conn is, by itself or as a Conn, else nil.
func TCP(conn net.Conn) *net.TCPConn {
	if c, ok := conn.(*Conn); ok {
		return c.TCPConn
	}
	t, _ := conn.(*net.TCPConn)
	return t
}

// NetConn returns the connection of package net.
func (c *Conn) NetConn() net.Conn { return c.TCPConn }

func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return c.TCPConn.Read(p)
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	n, err := c.in.run(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, c.explain("read", err)
}

func (c *Conn) Write(p []byte) (n int, err error) {
	if len(p) == 0 {
		return c.TCPConn.Write(p)
	}
	c.out.mu.Lock() // two goroutines' bytes must not be mixed
	defer c.out.mu.Unlock()
	for n < len(p) && err == nil {
		var m int
		m, err = c.out.run(p[n:])
		n += m
	}
	return n, c.explain("write", err)
}

// run moves bytes, once, when the kernel is ready for that. The caller holds mu.
func (h *half) run(p []byte) (int, error) {
	h.p, h.n, h.err = p, 0, 0
	err := h.when(h.try)
	h.p = nil
	if err == nil && h.err != 0 {
		err = h.err
	}
	return h.n, err
}

// flags keep an attempt from waiting in the kernel. That the descriptor doesn't
// block is not enough: whoever calls File of a connection, and Fd of that file,
// makes it block, and a goroutine that waits behind the scheduler's back stops
// the whole process with the next collection of garbage.
const flags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL

// move tries to move bytes, and reports whether that is done or has failed,
// rather than to be tried again when the kernel is ready.
func (h *half) move(fd uintptr) (done bool) {
	for {
		n, errno := h.attempt(fd)
		switch errno {
		case 0:
			h.n = int(n)
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		default:
			h.err = errno
		}
		return true
	}
}

// attempt makes the system call. The scheduler hears only of those that may
// take long.
func (h *half) attempt(fd uintptr) (n uintptr, errno syscall.Errno) {
	if len(h.p) > most {
		n, _, errno = syscall.Syscall6(h.call, fd, uintptr(unsafe.Pointer(&h.p[0])), uintptr(len(h.p)), flags, 0, 0)
	} else {
		n, _, errno = syscall.RawSyscall6(h.call, fd, uintptr(unsafe.Pointer(&h.p[0])), uintptr(len(h.p)), flags, 0, 0)
	}
	return n, errno
}

// explain makes errors look like those of package net.
func (c *Conn) explain(op string, err error) error {
	if waited, ok := err.(*net.OpError); ok {
		waited.Op = op // instead of raw-read and raw-write
		return waited
	}
	if errno, ok := err.(syscall.Errno); ok {
		return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
	}
	return err
}
