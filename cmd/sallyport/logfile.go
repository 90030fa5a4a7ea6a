package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// logFile appends lines to a file and follows the file's name. If the name points to another file or to none, as after
// logrotate has renamed the file, logFile opens the name anew for further lines. If the file was emptied, as by
// logrotate's copytruncate, further lines begin at its start. logFile may be used concurrently.
type logFile struct {
	path string
	kind logKind

	mu      sync.Mutex
	file    *os.File
	torn    bool        // the last line of the file has no end
	trouble string      // why the name could not be opened anew; empty if it could
	told    func(error) // gets each new trouble once, and nil when it is over
}

// logKind is what files a log may have.
type logKind struct {
	mode  fs.FileMode // of a file that is made
	pipes bool        // the file may be a pipe, such as the standard output of a container
}

// Kinds of logs.
var (
	ownLog     = logKind{mode: 0o640}
	vsftpdsLog = logKind{mode: 0o600, pipes: true} // as vsftpd makes its logs
)

// openLogFile opens a file for lines, and creates it if it is missing. told gets the error if the name can't be opened
// anew later, and nil once it can be again; meanwhile lines go to the old file.
func openLogFile(path string, kind logKind, told func(error)) (*logFile, error) {
	f, err := openAppend(path, kind)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, kind: kind, file: f, torn: isTorn(path), told: told}, nil
}

// openAppend opens a file such that each write goes to its end. A pipe without a reader is an error, rather than a
// reason to wait for one.
func openAppend(path string, kind logKind) (*os.File, error) {
	if err := checkLogFile(path, kind); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, kind.mode)
}

// checkLogFile reports what is wrong with the path of a log file, as far as that shows without creating the file.
func checkLogFile(path string, kind logKind) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err = os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no directory; name another", filepath.Dir(path))
		}
		if err == nil {
			err = tryDir(filepath.Dir(path))
		}
		return err
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory; name a file in it", path)
	case info.Mode()&fs.ModeNamedPipe != 0 && kind.pipes:
		return nil
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return fmt.Errorf("%s is a pipe or socket, whose reader could hold up the start; name a file", path)
	}
	return nil
}

// isTorn reports whether a file ends within a line, as after a crash or on a disk that was full.
func isTorn(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var last [1]byte
	if _, err := f.Seek(-1, io.SeekEnd); err != nil {
		return false
	}
	n, _ := f.Read(last[:])
	return n == 1 && last[0] != '\n'
}

// Write appends a line.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	if l.torn { // ends the torn line
		if _, err := l.file.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		l.torn = false
	}
	n, err := l.file.Write(line)
	if n > 0 {
		l.torn = line[n-1] != '\n'
	}
	return n, err
}

// follow opens the file anew if its name points to another file or to none. It checks before each line, which takes a
// microsecond: a line that went to the old file a second later could miss logrotate's compression.
func (l *logFile) follow() {
	there, err := os.Stat(l.path)
	own, _ := l.file.Stat()
	if err == nil && os.SameFile(there, own) {
		l.tell(nil)
		return
	}
	next, err := openAppend(l.path, l.kind)
	if err == nil {
		l.file.Close()
		l.file, l.torn = next, isTorn(l.path)
	}
	l.tell(err)
}

// reopen follows the file's name without a line, so that a file that was renamed is there again at once.
func (l *logFile) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
}

// tell calls told if the trouble with the name has changed.
func (l *logFile) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != l.trouble && l.told != nil {
		l.told(err)
	}
	l.trouble = text
}

// Close syncs the file to the disk and closes it.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.file.Sync(), l.file.Close())
}
