package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/logqueue"
)

// vsftpdLogs are the options of logs in the formats of vsftpd.
type vsftpdLogs struct {
	File, Xferlog    string // empty for none
	Syslog, Protocol bool
}

// The logs in the formats of vsftpd. An engine of before an upgrade names them to the keeper of after it by these
// numbers.
const (
	vsftpdLines = iota
	xferlogLines
	syslogLines
	vsftpdLogKinds // how many there are
)

// usualSyslog is the socket of syslog(3).
const usualSyslog = "/dev/log"

// vsftpdLogOptions are the options that name the logs.
var vsftpdLogOptions = [vsftpdLogKinds]string{"vsftpd-log", "xferlog", "vsftpd-syslog"}

// wanted reports which logs there are to be.
func (l vsftpdLogs) wanted() [vsftpdLogKinds]bool {
	return [vsftpdLogKinds]bool{l.File != "", l.Xferlog != "", l.Syslog}
}

// lineLog writes the lines of a log. Nobody waits for it: lines that its file doesn't take in time are dropped, and the
// server's log tells how many.
type lineLog struct {
	queue *logqueue.Queue
	to    io.WriteCloser
}

// newLineLog returns the log that an option has named. server is the server's log.
func newLineLog(option string, to io.WriteCloser, server *slog.Logger) *lineLog {
	var share loglimit.Share // limits errors: a disk that is full may refuse each line
	return &lineLog{to: to, queue: logqueue.New(to, 0, func(lost uint64) string {
		if ok, _ := share.Allow(); ok {
			server.Error("lines of a log in vsftpd's format were lost", "option", option, "lines", lost)
		}
		return "" // since the format has no such line
	})}
}

// post writes a line, which may be empty for none. A nil lineLog does not even have the line made.
func (l *lineLog) post(line func() string) {
	if l == nil {
		return
	}
	if text := line(); text != "" {
		l.queue.Write([]byte(text))
	}
}

// reopen opens the file again if its name points to another or to none.
func (l *lineLog) reopen() {
	if l == nil {
		return
	}
	if f, ok := l.to.(*logFile); ok {
		f.reopen()
	}
}

// close waits for lines that are not written yet, and closes the file.
func (l *lineLog) close() {
	if l == nil {
		return
	}
	l.queue.Close(logGrace)
	if l.queue.Written(0) {
		l.to.Close()
	}
}

// openVsftpdLogs opens the logs in the formats of vsftpd, if the options want any.
func (d *daemon) openVsftpdLogs() error {
	var to [vsftpdLogKinds]io.WriteCloser
	var errs []error
	for kind, path := range map[int]string{vsftpdLines: d.vsftpdLogs.File, xferlogLines: d.vsftpdLogs.Xferlog} {
		if path == "" {
			continue
		}
		f, err := openLogFile(path, vsftpdsLog, func(err error) {
			if err != nil {
				d.log.Error("a log can't be opened anew; lines go to the file that had its name", "file", path, "err", err)
			} else {
				d.log.Info("a log goes to its file again", "file", path)
			}
		})
		if err != nil {
			errs = append(errs, d.told(vsftpdLogOptions[kind], err))
			continue
		}
		to[kind] = f
	}
	if d.vsftpdLogs.Syslog {
		s := &datagrams{path: usualSyslog}
		if err := s.connect(); err != nil {
			d.log.Warn("there is no syslog, and lines for it are lost until there is one", "option", d.at("vsftpd-syslog"), "err", err)
		}
		to[syslogLines] = s
	}
	d.vsftpd = newVsftpdWriter(to, d.vsftpdLogs.Protocol, d.log)
	return errors.Join(errs...)
}

// newVsftpdWriter returns what writes to these logs, nil without any.
func newVsftpdWriter(to [vsftpdLogKinds]io.WriteCloser, protocol bool, server *slog.Logger) *vsftpdWriter {
	w := &vsftpdWriter{protocol: protocol, sessions: map[string]*writtenSession{}}
	if to == ([vsftpdLogKinds]io.WriteCloser{}) {
		return nil
	}
	for kind, to := range to {
		if to != nil {
			w.logs[kind] = newLineLog(vsftpdLogOptions[kind], to, server)
		}
	}
	return w
}

// reopen follows the names of all files.
func (w *vsftpdWriter) reopen() {
	if w != nil {
		for _, l := range w.logs {
			l.reopen()
		}
	}
}

// close closes all logs.
func (w *vsftpdWriter) close() {
	if w != nil {
		for _, l := range w.logs {
			l.close()
		}
	}
}

// checkVsftpdLogs reports what is wrong with the options of logs in the formats of vsftpd.
func (m *mistakes) checkVsftpdLogs(s *settings) {
	l := s.vsftpdLogs
	if l.Protocol && l.File == "" && !l.Syslog {
		m.say("%s means nothing without vsftpd-log or vsftpd-syslog: give one of them", s.at("vsftpd-log-protocol"))
	}
	for kind, path := range []string{l.File, l.Xferlog} {
		for option, own := range map[string]string{"log": s.log, "audit-log": s.auditLog} {
			if path != "" && path == own {
				m.say("%s and %s name the same file: give each one of its own", s.at(option), s.at(vsftpdLogOptions[kind]))
			}
		}
	}
}

// findVsftpdLogs looks whether the logs in the formats of vsftpd can be opened.
func (c *inspection) findVsftpdLogs() {
	for kind, path := range []string{c.vsftpdLogs.File, c.vsftpdLogs.Xferlog} {
		if path != "" {
			c.badForRoot(c.told(vsftpdLogOptions[kind], checkLogFile(path, vsftpdsLog)))
		}
	}
}

// lookAtVsftpdLogs notes that lines for syslog would be lost.
func (c *inspection) lookAtVsftpdLogs() {
	if !c.vsftpdLogs.Syslog {
		return
	}
	s := &datagrams{path: usualSyslog}
	if err := s.connect(); err != nil {
		c.notes = append(c.notes, fmt.Sprintf("%s: there is no syslog here, where lines for it would be lost: %v", c.at("vsftpd-syslog"), err))
	}
	s.Close()
}
