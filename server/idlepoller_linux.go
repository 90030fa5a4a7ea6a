package server

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// idlePoller waits for the input of sessions that have been idle for a while, so that
// they need no goroutine: a stack would be a quarter of the memory that an idle
// session takes. One goroutine waits for all of them, by an epoll instance that the
// runtime's own poller watches.
type idlePoller struct {
	mu    sync.Mutex
	epoll int
	file  *os.File // of epoll; nil while there is none
	// closed says that close was called.
	closed bool
	// parked holds the waits by number. The number of the descriptor would not do:
	// after somebody else has closed the socket, another socket soon has the same
	// number.
	parked map[uint64]*waiter
	last   uint64        // the number given out last
	timer  *time.Timer   // calls expire, while somebody waits
	ended  chan struct{} // closed when the goroutine that waits has ended
}

// expireEvery is how often the poller looks for waits that are over. A wait may last
// that much longer.
const expireEvery = time.Second

// park begins to wait on behalf of w, and reports whether it can. If so the session's
// goroutine has to end; the session goes on in a new one.
func (p *idlePoller) park(w *waiter) bool {
	conn := tcp.Below(w.ctl.raw)
	if conn == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open() {
		return false
	}
	p.last++
	number := p.last
	if withFD(conn, func(fd int) error { return p.watch(fd, number) }) != nil {
		return false
	}
	if len(p.parked) == 0 {
		p.timer.Reset(expireEvery)
	}
	w.number = number
	p.parked[number] = w
	return true
}

// watch has the next input of a descriptor reported once, with the number. The
// descriptor stays registered, and unarmed, until somebody closes the descriptor.
func (p *idlePoller) watch(fd int, number uint64) error {
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | epollOneShot,
		Fd:     int32(uint32(number)), Pad: int32(uint32(number >> 32)), // the kernel gives them back
	}
	err := syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	if err == syscall.EEXIST {
		err = syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
	}
	return err
}

// numberOf returns the number that watch was given.
func numberOf(e *syscall.EpollEvent) uint64 { return uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd)) }

const epollOneShot = 1 << 30 // EPOLLONESHOT

// remove ends the wait on behalf of w, and reports whether there was one.
func (p *idlePoller) remove(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parked[w.number] != w {
		return false
	}
	delete(p.parked, w.number)
	return true
}

// close ends the poller, when nobody waits any more.
func (p *idlePoller) close() {
	p.mu.Lock()
	p.closed = true
	file, ended := p.file, p.ended
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	if file != nil {
		file.Close()
		<-ended
	}
}

// open makes the epoll instance, which may fail for want of descriptors; the next
// session to be parked tries again. The caller holds mu.
func (p *idlePoller) open() bool {
	if p.file != nil || p.closed {
		return !p.closed
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	syscall.SetNonblock(fd, true) // otherwise the runtime would not poll fd
	p.epoll, p.file = fd, os.NewFile(uintptr(fd), "epoll")
	p.parked, p.ended = make(map[uint64]*waiter), make(chan struct{})
	p.timer = time.AfterFunc(expireEvery, p.expire)
	go p.serve()
	return true
}

// serve resumes sessions that have input or whose client is gone.
func (p *idlePoller) serve() {
	defer close(p.ended)
	raw, err := p.file.SyscallConn()
	for err == nil {
		var events [64]syscall.EpollEvent
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		p.mu.Lock()
		for i := range max(n, 0) {
			p.resume(numberOf(&events[i]))
		}
		p.mu.Unlock()
	}
	p.leave()
}

// leave closes the epoll instance when it can't be waited for any more. Unless close
// is the reason, the sessions wait on in goroutines of their own.
func (p *idlePoller) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.file.Close()
	p.file = nil
	for number := range p.parked {
		p.resume(number)
	}
}

// resume has the session with a number go on, except a session that was removed
// meanwhile. The caller holds mu.
func (p *idlePoller) resume(number uint64) {
	if w := p.parked[number]; w != nil {
		delete(p.parked, number)
		go w.session.resume()
	}
}

// expire resumes sessions that have waited too long, and sessions whose socket this
// process has closed, since the kernel does not report such sockets.
func (p *idlePoller) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for number, w := range p.parked {
		if !w.ends.After(now) || withFD(tcp.Below(w.ctl.raw), isOpen) != nil {
			p.resume(number)
		}
	}
	if len(p.parked) > 0 {
		p.timer.Reset(expireEvery)
	}
}

// isOpen does nothing. It is for withFD, which fails by itself if the connection is
// closed.
func isOpen(int) error { return nil }

// withFD runs f with the descriptor of a connection.
func withFD(conn *net.TCPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	if failed != nil {
		return failed
	}
	return err
}
