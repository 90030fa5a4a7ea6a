package main

import (
	"log/slog"
	"os"

	"golang.org/x/term"
)

// hangup deals with SIGHUP. A terminal that is closed ends what was started in it by that signal. Elsewhere the signal
// tells daemons to read their configuration again, and must not end one that has none.
type hangup struct {
	rereads  bool // there is a configuration file
	terminal bool // the server was started in one
	reload   chan struct{}
	log      *slog.Logger
}

func newHangup(s *settings, log *slog.Logger) *hangup {
	return &hangup{rereads: len(s.files) > 0, terminal: term.IsTerminal(int(os.Stdin.Fd())), reload: make(chan struct{}, 1), log: log}
}

// received reports whether a SIGHUP ends the server, and has the configuration read again if there is one.
func (h *hangup) received() (ends bool) {
	switch {
	case h.terminal && (!h.rereads || terminalGone()):
		return true
	case !h.rereads:
		h.log.Warn("SIGHUP is ignored, for want of a configuration file to read again: certificates are read again by themselves, and other settings need a restart")
		return false
	}
	select {
	case h.reload <- struct{}{}:
	default: // the next reload will see what there is
	}
	return false
}

// terminalGone reports whether the terminal of this process was closed: then nobody can open it any more.
func terminalGone() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return true
	}
	tty.Close()
	return false
}
