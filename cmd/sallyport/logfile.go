package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// logFile adds lines to a file and follows the file's name: when the name points to another file or to none, as after
// logrotate has renamed the file, further lines go to a file that is opened anew. Lines of a file that was emptied, as
// by logrotate's copytruncate, begin at its start. It may be used concurrently.
type logFile struct {
	path string

	mu      sync.Mutex
	file    *os.File
	torn    bool        // the last line has no end
	trouble string      // why the name could not be opened anew, to tell each cause once
	told    func(error) // hears of trouble
}

// openLogFile opens a file for lines, and makes it with mode 0640 if it is missing. told hears when the name can't be
// opened anew later, and nil when it can again; lines go to the old file meanwhile.
func openLogFile(path string, told func(error)) (*logFile, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, file: f, torn: isTorn(path), told: told}, nil
}

// openAppend opens a file for writing at its end, wherever that is.
func openAppend(path string) (*os.File, error) {
	if err := checkLogFile(path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// checkLogFile reports what can be seen to be wrong with the path of a log file without making it.
func checkLogFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(path))
		return err
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory; name a file in it", path)
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return fmt.Errorf("%s is a pipe or socket, whose reader could hold up the start; name a file", path)
	}
	return nil
}

// isTorn reports whether a file ends within a line, as after a crash or on a disk that was full.
func isTorn(path string) bool {
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

// Write adds a line.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	if l.torn { // so that this line is one of its own
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

// follow opens the file anew if its name points elsewhere. It looks before each line, which takes a microsecond: a line
// that went to the old file a second later could miss logrotate's compression.
func (l *logFile) follow() {
	there, err := os.Stat(l.path)
	own, _ := l.file.Stat()
	if err == nil && os.SameFile(there, own) {
		l.tell(nil)
		return
	}
	next, err := openAppend(l.path)
	if err == nil {
		l.file.Close()
		l.file, l.torn = next, isTorn(l.path)
	}
	l.tell(err)
}

// tell tells of trouble with the name, each cause once.
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

// Close brings the lines to the disk and closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.file.Sync(), l.file.Close())
}
