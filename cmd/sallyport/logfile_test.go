package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// linesOf returns the lines of a file.
func linesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	if len(text) == 0 {
		return nil
	}
	require.True(t, bytes.HasSuffix(text, []byte("\n")), "%q", text)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Lines follow the file's name, whether the old file was renamed, removed or emptied.
func TestLogFileFollowsItsName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be renamed there")
	}
	path := filepath.Join(t.TempDir(), "log")
	var told []error
	l, err := openLogFile(path, ownLog, func(err error) { told = append(told, err) })
	require.NoError(t, err)
	say := func(text string) {
		t.Helper()
		n, err := io.WriteString(l, text+"\n")
		require.NoError(t, err)
		require.Equal(t, len(text)+1, n)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	say("one")
	require.NoError(t, os.Rename(path, path+".1"))
	say("two")
	say("three")
	require.Equal(t, []string{"one"}, linesOf(t, path+".1"))
	require.Equal(t, []string{"two", "three"}, linesOf(t, path))
	require.NoError(t, os.Remove(path))
	say("four")
	require.Equal(t, []string{"four"}, linesOf(t, path))
	require.NoError(t, os.Truncate(path, 0)) // as logrotate's copytruncate does
	say("five")
	require.Equal(t, []string{"five"}, linesOf(t, path))
	require.NoError(t, os.Rename(path, path+".2"))
	require.NoError(t, os.WriteFile(path, nil, 0o600)) // as logrotate's create does
	say("six")
	require.Equal(t, []string{"six"}, linesOf(t, path))
	require.Empty(t, told)

	require.NoError(t, os.Rename(path, path+".3"))
	require.NoError(t, os.Mkdir(path, 0o755))
	say("seven")
	say("eight")
	require.Equal(t, []string{"six", "seven", "eight"}, linesOf(t, path+".3"))
	require.Len(t, told, 1)
	require.ErrorContains(t, told[0], "is a directory")
	require.NoError(t, os.Remove(path))
	say("nine")
	require.Equal(t, []string{"nine"}, linesOf(t, path))
	require.Equal(t, []error{told[0], nil}, told)
	require.NoError(t, l.Close())
}

// A line that was written only in part, as by a process that was killed, spoils no other line.
func TestLogFileAfterATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte("whole\nhal"), 0o600))
	l, err := openLogFile(path, ownLog, nil)
	require.NoError(t, err)
	for _, text := range []string{"one\n", "tw", "three\n"} {
		_, err = io.WriteString(l, text)
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	require.Equal(t, []string{"whole", "hal", "one", "tw", "three"}, linesOf(t, path))
}

// A path that can't be a log file is refused at the start.
func TestLogFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: "is a directory", filepath.Join(dir, "missing", "log"): "missing"} {
		_, err := openLogFile(path, ownLog, nil)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, checkLogFile(path, ownLog), want)
	}
	fine := filepath.Join(dir, "log")
	require.NoError(t, checkLogFile(fine, ownLog))
	require.NoFileExists(t, fine)
}

// slowFile accepts lines, or blocks the writer.
type slowFile struct {
	mu    sync.Mutex
	lines []string
	err   error
	stall chan struct{} // blocks writers; nil for not
}

func (s *slowFile) Write(line []byte) (int, error) {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		<-stall
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.lines = append(s.lines, string(line))
	}
	return len(line), s.err
}

func (s *slowFile) Close() error { return nil }

func (s *slowFile) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func (s *slowFile) set(stall chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stall, s.err = stall, err
}

func (s *slowFile) events(t *testing.T) (events []string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		var is struct {
			Event string
			Lines int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &is))
		if is.Lines > 0 {
			is.Event += fmt.Sprint(" ", is.Lines)
		}
		events = append(events, is.Event)
	}
	return events
}

// write returns when its line is written. A file that accepts nothing holds a session up for two seconds, and later
// ones not at all. Waiting lines are written later, and lines that had no room are counted in both logs.
func TestAuditLogOfAStuckFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server bytes.Buffer
		file := new(slowFile)
		a := &auditLog{format: formatJSON, to: file}
		a.begin(file, slog.New(slog.NewTextHandler(&server, nil)))
		a.write("one")
		require.Equal(t, 1, file.count()) // written without any further wait

		stall := make(chan struct{})
		file.set(stall, nil)
		start := time.Now()
		a.write("two")
		require.Equal(t, auditPatience, time.Since(start))
		long := slog.String("path", strings.Repeat("x", 1000))
		for range 2000 {
			a.write("more", long)
		}
		require.Equal(t, auditPatience, time.Since(start))
		close(stall)
		events := file.events(t)
		require.Equal(t, []string{"one", "two"}, events[:2])
		lost := 2000 - (len(events) - 3) // without one, two and lines-lost
		require.Contains(t, events, fmt.Sprint("lines-lost ", lost))
		require.Contains(t, server.String(), fmt.Sprint("lines=", lost))
		require.Greater(t, lost, 900)

		a.write("three") // waits again
		again := make(chan struct{})
		file.set(again, nil)
		start = time.Now()
		time.AfterFunc(time.Second, func() { close(again) })
		a.write("four")
		require.Equal(t, time.Second, time.Since(start))

		file.set(nil, errors.New("disk full"))
		a.write("lost")
		synctest.Wait() // there is no room for lines-lost either
		last := make(chan struct{})
		file.set(last, nil)
		a.post("five")
		time.AfterFunc(auditGrace/2, func() { close(last) })
		a.close()
		events = file.events(t)
		require.Equal(t, []string{"three", "four", "lines-lost 1", "five"}, events[len(events)-4:])
	})
}

// The line of a login has its result in a word, and a login that nobody could decide is not called refused.
func TestAuditedResults(t *testing.T) {
	for want, errs := range map[string][]error{
		"ok":        {nil},
		"refused":   {fmt.Errorf("not from there: %w", driver.ErrLogin), &driver.Error{Code: 530}, fmt.Errorf("%w: of alice", server.ErrTooManySessions)},
		"undecided": {errors.New("no directory"), &driver.Error{Code: 421}},
	} {
		for _, err := range errs {
			require.Equal(t, want, resultOf(err), "%v", err)
		}
	}
}

// A transfer whose reply is never written, since a driver hangs, gets its line when the session ends.
func TestAuditOfADriverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := new(slowFile)
		log := &auditLog{format: formatJSON, to: file}
		log.begin(file, slog.New(slog.DiscardHandler))
		a := newAuditor(log)
		s := server.SessionInfo{ID: "1", User: "alice"}
		a.transfer(server.Transfer{Session: s, Verb: "STOR", Path: "/x", Err: errors.New("the driver does not return")})
		require.Zero(t, file.count())
		a.logout(s)
		a.disconnect(s, nil)
		require.Equal(t, []string{"STOR", "logout"}, file.events(t))
		require.Contains(t, file.lines[0], `"committed":false,"vouched":false`)
		require.NotContains(t, file.lines[0], `"code"`)
		require.Empty(t, a.waiting)
		a.shut()
	})
}

// Values that describe themselves, and hide what they are made of, say in JSON what they say in text.
func TestLogOfValuesInJSON(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 21}
	for _, c := range []struct {
		value any
		want  any
	}{
		{peer{7, 8}, "uid 7"},
		{who{peer: peer{7, 8}, known: true}, "uid 7"},
		{who{}, "unknown"},
		{addr, "192.0.2.1:21"},
		{net.Addr(nil), nil},
		{(*net.TCPAddr)(nil), "<nil>"},
		{netip.MustParsePrefix("192.0.2.0/24"), "192.0.2.0/24"},
		{errors.New("so"), "so"},
		{time.Unix(0, 0).UTC(), "1970-01-01T00:00:00Z"},
		{1500 * time.Millisecond, 1.5},
		{[]string{"a", "b"}, []any{"a", "b"}},
		{"text", "text"},
	} {
		var line bytes.Buffer
		slog.New(format(formatJSON, &line, slog.LevelInfo, inSeconds(formatJSON))).With("before", c.value).Info("m", "value", c.value)
		var got map[string]any
		require.NoError(t, json.Unmarshal(line.Bytes(), &got), "%s", line.Bytes())
		require.Equal(t, []any{c.want, c.want}, []any{got["before"], got["value"]}, "%T", c.value)
		require.Equal(t, "INFO", got[slog.LevelKey])
	}
}
