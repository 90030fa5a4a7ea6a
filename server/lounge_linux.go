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
	mu     sync.Mutex
	epoll  int
	file   *os.File // of epoll; nil when there is none
	failed bool     // it can't be had
	closed bool
	guests map[int32]*session // by descriptor
	timer  *time.Timer        // looks for waits that are over, while there are guests
	ended  chan struct{}
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
	return control(conn, func(fd int) error {
		// A descriptor stays registered, unarmed, until it is closed.
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | epollOneShot, Fd: int32(fd)}
		err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
		if err == syscall.EEXIST {
			err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
		}
		if err == nil {
			if len(l.guests) == 0 {
				l.timer.Reset(loungeLook)
			}
			s.seat = int32(fd)
			l.guests[s.seat] = s
		}
		return err
	}) == nil
}

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

// open makes the epoll instance. The caller holds mu.
func (l *lounge) open() bool {
	if l.file != nil || l.failed || l.closed {
		return l.file != nil && !l.closed
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		l.failed = true
		return false
	}
	syscall.SetNonblock(fd, true) // or the runtime would not poll it
	l.epoll, l.file = fd, os.NewFile(uintptr(fd), "epoll")
	l.guests, l.ended = make(map[int32]*session), make(chan struct{})
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
		for _, e := range events[:max(n, 0)] {
			l.mu.Lock()
			s := l.guests[e.Fd]
			delete(l.guests, e.Fd)
			l.mu.Unlock()
			if s != nil { // else it was fetched meanwhile
				go s.resume()
			}
		}
	}
}

// look resumes sessions that have waited too long.
func (l *lounge) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for fd, s := range l.guests {
		if !s.waitEnds.After(now) {
			delete(l.guests, fd)
			go s.resume()
		}
	}
	if len(l.guests) > 0 {
		l.timer.Reset(loungeLook)
	}
}

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
