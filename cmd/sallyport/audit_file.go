package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/logqueue"
	"github.com/sallyport/sallyport/internal/wire"
)

const (
	// auditPatience bounds how long a session waits until its line is written.
	auditPatience = 2 * time.Second
	// auditGrace bounds how long the server, when it ends, waits for lines that are not written yet.
	auditGrace = 10 * time.Second
)

// auditStderr is the value of audit-log that stands for standard error.
const auditStderr = "-"

// auditFile returns the path of the audit log, empty if the log is not in a file.
func (s *settings) auditFile() string {
	if s.auditLog == auditStderr || s.auditLog == formatJournal {
		return ""
	}
	return s.auditLog
}

// auditKind returns the format of the audit log, empty for none.
func (s *settings) auditKind() string {
	switch s.auditLog {
	case "":
		return ""
	case formatJournal:
		return formatJournal
	}
	return s.auditFormat
}

// auditLog writes lines of the audit log. A caller of write waits until the file has its line, so that a server that
// is killed has lost nothing, but for auditPatience at most. Once a caller has waited in vain, further callers don't
// wait until the file takes lines again: lines queue up, and those beyond the queue's limit are counted and reported
// by a later line.
type auditLog struct {
	format string
	log    *slog.Logger
	queue  *logqueue.Queue
	to     io.Closer
	stuck  atomic.Bool // the last caller who waited did so in vain

	relaying sync.Mutex // held by whoever writes a line past the queue
	out      io.Writer
}

// openAuditLog opens the audit log that the options name. server is the server's log.
func (s *settings) openAuditLog(server *slog.Logger) (*auditLog, error) {
	a := &auditLog{format: s.auditKind()}
	var to io.Writer
	switch s.auditLog {
	case auditStderr:
		to, a.to = os.Stderr, io.NopCloser(nil)
	case formatJournal:
		j, err := openJournal(usualJournal)
		if err != nil {
			return nil, err
		}
		to, a.to = j, j
	default:
		f, err := openLogFile(s.auditLog, ownLog, func(err error) {
			if err != nil {
				server.Error("the audit log can't be opened anew; lines go to the file that had its name", "file", s.auditLog, "err", err)
			} else {
				server.Info("the audit log goes to its file again", "file", s.auditLog)
			}
		})
		if err != nil {
			return nil, err
		}
		to, a.to = f, f
	}
	a.begin(to, server)
	return a, nil
}

// begin sets the writer that lines go to, and starts the queue in front of it.
func (a *auditLog) begin(to io.Writer, server *slog.Logger) {
	a.out = to
	var share loglimit.Share // limits errors in the log: a disk that is full may refuse each line
	a.queue = logqueue.New(to, 0, func(lost uint64) string {
		if ok, _ := share.Allow(); ok {
			server.Error("lines of the audit log were lost: its file didn't take them", "lines", lost)
		}
		var line bytes.Buffer
		slog.New(format(a.format, &line, slog.LevelInfo, auditAttr)).Info("lines-lost", "lines", lost)
		return line.String()
	})
	a.log = slog.New(format(a.format, a.queue, slog.LevelInfo, auditAttr))
}

// auditAttr drops the level, calls the message "event", and replaces bytes that could end a line or are not UTF-8.
func auditAttr(_ []string, a slog.Attr) slog.Attr {
	switch {
	case a.Key == slog.LevelKey:
		return slog.Attr{}
	case a.Key == slog.MessageKey:
		a.Key = "event"
	case a.Value.Kind() == slog.KindString:
		a.Value = slog.StringValue(wire.Printable(a.Value.String()))
	}
	return secondsOf(a)
}

// printed is a text that needs no escaping any more.
type printed string

func (p printed) String() string { return string(p) }

// files returns the attribute of several files. The text format repeats the key, since a list of names in one value
// could not be taken apart again.
func (a *auditLog) files(key string, names []string) (attrs []slog.Attr) {
	var list []string
	for _, name := range names {
		attrs = append(attrs, slog.String(key, name))
		list = append(list, wire.Printable(name))
	}
	if a.format == formatJSON && len(list) > 0 {
		return []slog.Attr{slog.Any(key, list)}
	}
	return attrs
}

// write writes a line and waits until it is written, unless the file takes nothing.
func (a *auditLog) write(event string, attrs ...slog.Attr) {
	idle := a.queue.Written(0)
	a.post(event, attrs...)
	if idle || !a.stuck.Load() {
		a.stuck.Store(!a.queue.Written(auditPatience))
	}
}

// post writes a line and doesn't wait.
func (a *auditLog) post(event string, attrs ...slog.Attr) {
	a.log.LogAttrs(context.Background(), slog.LevelInfo, event, attrs...)
}

// relay writes a line that another process has made, past the queue and without a bound on the time: that process has
// a queue of its own, and counts the lines that could not be written.
func (a *auditLog) relay(line string) error {
	a.relaying.Lock()
	defer a.relaying.Unlock()
	_, err := io.WriteString(a.out, line)
	return err
}

// close waits for lines that are not written yet, and closes the file.
func (a *auditLog) close() {
	a.queue.Close(auditGrace)
	if a.queue.Written(0) {
		a.to.Close()
	}
}
