//go:build linux

package tally

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mostPlaces bounds how many share one Table.
const mostPlaces = 256

// Places of the numbers in the file, each of eight bytes.
const (
	measured    = iota // 1 once somebody has measured what is stored
	storedBytes        // by all
	storedFiles
	firstPlace // what the first one has reserved: bytes, then files
)

// size is the size of the file.
const size = 8 * (firstPlace + 2*mostPlaces)

// Table is the file with the counts of a home, and says who has which place in it. Its methods must not be called
// concurrently.
type Table struct {
	File   *os.File
	Places map[int]bool // those taken
}

// NewTable makes a table.
func NewTable() (*Table, error) {
	fd, err := unix.MemfdCreate("usage", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "usage")
	if err = f.Truncate(size); err == nil {
		// Keeps others from cutting the file off, which would kill whoever reads it.
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Table{File: f, Places: map[int]bool{}}, nil
}

// Enter takes a place, and returns the file for Open. The file has locks of its own.
func (t *Table) Enter() (place int, f *os.File, err error) {
	for place < mostPlaces && t.Places[place] {
		place++
	}
	if place == mostPlaces {
		return 0, nil, errors.New("tally: too many processes have this home")
	}
	err = control(t.File, func(fd int) (err error) {
		f, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR, 0)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	t.Places[place] = true
	return place, f, nil
}

// Leave gives a place back after the end of the process that had it, and what this one had reserved. It reports whether
// nobody has a place any more.
func (t *Table) Leave(place int) (empty bool) {
	t.File.WriteAt(make([]byte, 16), int64(8*(firstPlace+2*place)))
	delete(t.Places, place)
	return len(t.Places) == 0
}

// control calls do with the descriptor of a file.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if e := raw.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil {
		return e
	}
	return err
}
