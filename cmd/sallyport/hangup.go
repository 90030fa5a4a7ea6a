package main

import (
	"log/slog"
	"os"

	"golang.org/x/term"
)

// hangup handles SIGHUP. A terminal that is closed sends it to end what was started there. Otherwise it tells daemons
// to read their configuration again, and must not end a daemon that has none.
type hangup struct {
	rereads  bool // there is a configuration file
	terminal bool // the server was started in a terminal
	reload   chan struct{}
	log      *slog.Logger
}

func newHangup(s *settings, log *slog.Logger) *hangup {
	return &hangup{rereads: len(s.files) > 0, terminal: term.IsTerminal(int(os.Stdin.Fd())), reload: make(chan struct{}, 1), log: log}
}

// received reports whether a SIGHUP ends the server. If not, and there is a configuration file, it has that read
// again.
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

// terminalGone reports whether the terminal of this process was closed, after which nobody can open it.
func terminalGone() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return true
	}
	tty.Close()
	return false
}
