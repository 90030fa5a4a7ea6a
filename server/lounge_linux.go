package server

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// lounge is where sessions rest without a goroutine: a stack would be a quarter
// of the memory that an idle session takes. One goroutine waits for input of all
// of them, by an epoll instance that the runtime's own poller watches.
type lounge struct {
	mu    sync.Mutex
	epoll int
	file  *os.File // of epoll; nil while there is none
	// closed is set for good by close.
	closed bool
	// guests are the sessions that rest, by seat. A descriptor's number would not
	// do: if somebody else closes a guest's socket, the number is soon another's.
	guests map[uint64]*session
	seats  uint64        // how many were ever given out
	timer  *time.Timer   // calls look, while there are guests
	ended  chan struct{} // closed when the goroutine that waits has ended
}

// loungeLook is how often the lounge looks for waits that are over, which may so
// last that much longer.
const loungeLook = time.Second

// park takes in a session, whose goroutine then has to end; it goes on in another
// one, by session.resume. It reports false when it can't.
func (l *lounge) park(s *session) bool {
	conn := tcp(s.raw)
	if conn == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open() {
		return false
	}
	l.seats++
	seat := l.seats
	if control(conn, func(fd int) error { return l.watch(fd, seat) }) != nil {
		return false
	}
	if len(l.guests) == 0 {
		l.timer.Reset(loungeLook)
	}
	s.seat = seat
	l.guests[seat] = s
	return true
}

// watch has the next input of a descriptor reported once, with the seat. The
// descriptor stays registered, unarmed, until it is closed.
func (l *lounge) watch(fd int, seat uint64) error {
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | epollOneShot,
		Fd:     int32(uint32(seat)), Pad: int32(uint32(seat >> 32)), // 64 bits that are the kernel's to keep
	}
	err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	if err == syscall.EEXIST {
		err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
	}
	return err
}

// seatOf is the seat that watch was given.
func seatOf(e *syscall.EpollEvent) uint64 { return uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd)) }

const epollOneShot = 1 << 30 // EPOLLONESHOT

// fetch takes a session out, if it is in there.
func (l *lounge) fetch(s *session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.guests[s.seat] != s {
		return false
	}
	delete(l.guests, s.seat)
	return true
}

// close ends the lounge, which must be empty.
func (l *lounge) close() {
	l.mu.Lock()
	l.closed = true
	file, ended := l.file, l.ended
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	if file != nil {
		file.Close()
		<-ended
	}
}

// open makes the epoll instance, which may fail for want of descriptors; the next
// session that comes to rest tries again. The caller holds mu.
func (l *lounge) open() bool {
	if l.file != nil || l.closed {
		return !l.closed
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	syscall.SetNonblock(fd, true) // or the runtime would not poll it
	l.epoll, l.file = fd, os.NewFile(uintptr(fd), "epoll")
	l.guests, l.ended = make(map[uint64]*session), make(chan struct{})
	l.timer = time.AfterFunc(loungeLook, l.look)
	go l.serve()
	return true
}

// serve resumes sessions that have input or whose client is gone.
func (l *lounge) serve() {
	defer close(l.ended)
	raw, err := l.file.SyscallConn()
	for err == nil {
		var events [64]syscall.EpollEvent
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		l.mu.Lock()
		for i := range max(n, 0) {
			l.resume(seatOf(&events[i]))
		}
		l.mu.Unlock()
	}
	l.leave()
}

// leave closes the instance when it can't be waited for any more. Unless close is
// the reason, the guests go on elsewhere.
func (l *lounge) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.file.Close()
	l.file = nil
	for seat := range l.guests {
		l.resume(seat)
	}
}

// resume has the session in a seat go on, unless it was fetched meanwhile. The
// caller holds mu.
func (l *lounge) resume(seat uint64) {
	if s := l.guests[seat]; s != nil {
		delete(l.guests, seat)
		go s.resume()
	}
}

// look resumes sessions that have waited too long, and those whose socket this
// process has closed, of which the kernel reports nothing.
func (l *lounge) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for seat, s := range l.guests {
		if !s.waitEnds.After(now) || control(tcp(s.raw), isOpen) != nil {
			l.resume(seat)
		}
	}
	if len(l.guests) > 0 {
		l.timer.Reset(loungeLook)
	}
}

// isOpen is for control, which fails by itself with a connection that is closed.
func isOpen(int) error { return nil }

// control runs f with the descriptor of a connection.
func control(conn *net.TCPConn, f func(fd int) error) error {
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
