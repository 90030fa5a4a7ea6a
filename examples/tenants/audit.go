package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/server"
)

// changes holds the commands without a transfer that go into the table audit, by
// all their names. COMB and SITE CPTO are reported as transfers.
var changes = map[string]bool{
	"DELE": true, "RMD": true, "XRMD": true, "MKD": true, "XMKD": true, "RNTO": true, "MFMT": true, "SITE": true,
}

// hooks returns hooks that write what happens into the table audit. The server
// calls them afterwards, and one at a time for each session, so the rows of a
// session are in order.
func (d *directory) hooks() *server.Hooks {
	return &server.Hooks{
		Login: func(l server.Login) {
			l.Session.User = l.User // sets the name that was tried, for a failure
			d.audit(l.Session, "login", "", 0, l.Err)
		},
		Transfer: func(t server.Transfer) { d.audit(t.Session, t.Verb, t.Path, t.Bytes, t.Err) },
		Command: func(c server.Command) {
			verb, _, _ := strings.Cut(c.Line, " ")
			if !changes[verb] {
				return
			}
			var err error
			if c.Code >= 400 {
				err = fmt.Errorf("reply %d", c.Code)
			}
			d.audit(c.Session, strings.Join(append([]string{verb}, c.From...), " "), c.Path, 0, err)
		},
		Logout: func(s server.SessionInfo) { d.audit(s, "logout", "", 0, nil) },
	}
}

func (d *directory) audit(s server.SessionInfo, event, path string, bytes int64, cause error) {
	var text string
	if cause != nil {
		text = cause.Error()
	}
	_, err := d.db.Exec(`INSERT INTO audit (session, user, peer, event, path, bytes, error) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.User, s.Peer.String(), event, path, bytes, text)
	if err != nil {
		slog.Error("audit", "session", s.ID, "event", event, "error", err)
	}
}
