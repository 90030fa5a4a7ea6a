package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpdlog"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

// vsftpdWriter writes what the server does in the formats of vsftpd. A nil vsftpdWriter writes nothing.
type vsftpdWriter struct {
	logs     [vsftpdLogKinds]*lineLog
	protocol bool // each command and reply has a line

	mu       sync.Mutex
	number   uint64                     // of the last connection
	sessions map[string]*writtenSession // by ID
}

// writtenSession is what lines about a session need to know. During a transfer two goroutines may tell of a session.
type writtenSession struct {
	number uint64
	client netip.Addr

	mu       sync.Mutex
	user     string         // as lines name it; empty until the client has sent USER
	account  loggedIn       // zero before the login
	ascii    bool           // TYPE A holds
	transfer *transferEntry // of the command under way; nil for none
	failed   *vsftpdlog.Entry
}

// transferEntry is the entry of a transfer, which is written with the reply.
type transferEntry struct {
	verb  string
	entry *vsftpdlog.Entry
}

// loggedIn is the Value of accounts.
type loggedIn struct {
	Name     string         // by which lines call the user; empty for the name of the login
	Kind     vsftpdlog.Kind `json:",omitempty"`
	ReadOnly bool           // the account may change nothing
	email    string         // the password of an anonymous user
	hand     any            // the engineHand that has the files of the session; nil for none
}

// value returns the Value of an account for a login.
func (l loggedIn) value(login *driver.Login) loggedIn {
	if l.Kind == vsftpdlog.Anonymous {
		l.email = login.Password
	}
	return l
}

// loggedIn returns what the logs of vsftpd say of the account.
func (a *account) loggedIn() loggedIn {
	l := loggedIn{Kind: a.kind, ReadOnly: a.ReadOnly}
	if a.kind == vsftpdlog.Anonymous { // whoever logs in as anonymous is called by the user of this host
		l.Name = anonymousNames[1]
		if a.SystemUser != "" {
			l.Name = a.SystemUser
		}
	}
	return l
}

// write writes an entry about a session to all logs. The caller holds s.mu.
func (w *vsftpdWriter) write(s *writtenSession, e *vsftpdlog.Entry) {
	e.Number, e.Client, e.User, e.Kind, e.Email = s.number, s.client, s.user, s.account.Kind, s.account.email
	w.post(e)
}

// post writes an entry to all logs.
func (w *vsftpdWriter) post(e *vsftpdlog.Entry) {
	e.Time = time.Now()
	w.logs[vsftpdLines].post(e.Line)
	w.logs[syslogLines].post(e.Datagram)
	w.logs[xferlogLines].post(e.Transfer)
}

// next returns the number of a connection.
func (w *vsftpdWriter) next() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	return w.number
}

// session returns what is known of a session.
func (w *vsftpdWriter) session(id string) *writtenSession {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.sessions[id]; s != nil {
		return s
	}
	return &writtenSession{} // of a session that has ended meanwhile
}

// connected writes the line of a connection.
func (w *vsftpdWriter) connected(i server.SessionInfo) {
	if w == nil {
		return
	}
	s := &writtenSession{number: w.next(), client: i.Peer.Addr(), ascii: true}
	w.mu.Lock()
	w.sessions[i.ID] = s
	w.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	w.write(s, &vsftpdlog.Entry{Word: vsftpdlog.Connect})
}

// refused writes the line of a connection that was refused.
func (w *vsftpdWriter) refused(r server.Refusal) {
	if w == nil {
		return
	}
	why := "Connection refused."
	switch r.Limit {
	case "MaxSessions":
		why = "Connection refused: too many sessions."
	case "MaxSessionsPerAddress":
		why = "Connection refused: too many sessions for this address."
	}
	w.post(&vsftpdlog.Entry{Number: w.next(), Client: r.Peer.Addr(), Word: vsftpdlog.Connect, Text: why})
}

// login writes the line of a login. A login that nobody could decide, or that was one too many, has none: whoever bans
// addresses by these lines would ban those who know their password.
func (w *vsftpdWriter) login(l server.Login) {
	if w == nil || l.Err != nil && (resultOf(l.Err) != "refused" || errors.Is(l.Err, server.ErrTooManySessions)) {
		return
	}
	s := w.session(l.Session.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = l.User
	if l.Err == nil {
		s.account, _ = l.Session.Value.(loggedIn)
		if s.account.Name != "" {
			s.user = s.account.Name
		}
	}
	w.write(s, &vsftpdlog.Entry{Word: vsftpdlog.Login, Failed: l.Err != nil})
}

// replied writes the lines of a reply, if the log has such.
func (w *vsftpdWriter) replied(i server.SessionInfo, r server.Reply) {
	s := w.session(i.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	text := wire.Reply{Code: r.Code, Lines: r.Lines}.Append(nil)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\r\n"), "\r\n") {
		w.write(s, &vsftpdlog.Entry{Word: vsftpdlog.Response, Text: line})
	}
}

// command runs a command and writes the line about what it did before the client gets the reply.
func (w *vsftpdWriter) command(c server.Command, run func() server.Reply) server.Reply {
	if c.Line == "" { // the greeting
		return run()
	}
	s, verb, arg := w.begin(c)
	reply := run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if verb == "TYPE" && reply.Code == 200 {
		s.ascii = strings.HasPrefix(strings.ToUpper(arg), "A")
	}
	e := s.entry(verb, arg, c, reply.Code)
	switch {
	case e == nil:
	case e.Failed:
		s.failed = e // is written after the reply
	default:
		w.write(s, e)
	}
	return reply
}

// begin writes the line of a command, if the log has such, and returns the verb and what is behind it.
func (w *vsftpdWriter) begin(c server.Command) (s *writtenSession, verb, arg string) {
	verb = verbOf(c.Line)
	line := wire.Original(c.Line)
	arg = strings.TrimPrefix(line[min(len(line), len(verb)):], " ")
	s = w.session(c.Session.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfer = nil
	if verb == "USER" {
		s.user = "" // as the login it ends
	}
	if verb == "PASS" || verb == "ACCT" {
		line = verb + " <password>"
	}
	if w.protocol {
		w.write(s, &vsftpdlog.Entry{Word: vsftpdlog.Command, Text: line})
	}
	if verb == "USER" {
		s.user, s.account = arg, loggedIn{}
	}
	return s, verb, arg
}

// vsftpdWords are the words for commands that have a line each.
var vsftpdWords = map[string]string{
	"RETR": vsftpdlog.Download, "STOR": vsftpdlog.Upload, "APPE": vsftpdlog.Upload, "STOU": vsftpdlog.Upload,
	"MKD": vsftpdlog.Mkdir, "XMKD": vsftpdlog.Mkdir, "RMD": vsftpdlog.Rmdir, "XRMD": vsftpdlog.Rmdir,
	"DELE": vsftpdlog.Delete, "RNTO": vsftpdlog.Rename, "SITE CHMOD": vsftpdlog.Chmod,
}

// entry returns the entry about a command that was carried out, nil for none. The caller holds mu.
func (s *writtenSession) entry(verb, arg string, c server.Command, code int) *vsftpdlog.Entry {
	var e *vsftpdlog.Entry
	if s.transfer != nil && s.transfer.verb == verb {
		e, s.transfer = s.transfer.entry, nil
	} else {
		e = s.change(verb, arg, c, code)
	}
	if e != nil && e.Failed && s.account.ReadOnly && e.Word != vsftpdlog.Download {
		return nil // since vsftpd with write_enable=NO doesn't even look at the name
	}
	return e
}

// change returns the entry about a command that was no transfer, or none that began; nil for none. The caller holds mu.
func (s *writtenSession) change(verb, arg string, c server.Command, code int) *vsftpdlog.Entry {
	word := vsftpdWords[verb]
	failed := code/10 == 45 || code/10 == 55 // otherwise the command was not even tried
	if word == "" || c.Path == "" || !failed && code/100 != 2 {
		return nil
	}
	e := &vsftpdlog.Entry{Word: word, Failed: failed, Text: c.Path, ASCII: s.ascii}
	switch word {
	case vsftpdlog.Rename:
		e.Text = strings.Join(append(slices.Clone(c.From), c.Path), " ")
	case vsftpdlog.Chmod:
		mode, _, _ := strings.Cut(arg, " ")
		e.Text += " " + mode
	}
	return e
}

// transferred keeps the entry of a transfer until the reply is known.
func (w *vsftpdWriter) transferred(t server.Transfer) {
	word := vsftpdWords[t.Verb]
	if word == "" {
		return
	}
	s := w.session(t.Session.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfer = &transferEntry{t.Verb, &vsftpdlog.Entry{Word: word, Failed: t.Err != nil, Text: t.Path, Bytes: t.Bytes, Took: t.Duration, ASCII: s.ascii}}
}

// answered writes the line of a command that has failed, now that the client has the reply.
func (w *vsftpdWriter) answered(c server.Command) {
	s := w.session(c.Session.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.finish(s)
	verb := verbOf(c.Line)
	if verb == "REIN" && c.Session.User == "" {
		s.ascii = true
	}
	if (verb == "REIN" || verb == "PASS") && c.Session.User == "" {
		s.user, s.account = "", loggedIn{}
	}
}

// finish writes the lines that are left of a command. The caller holds s.mu.
func (w *vsftpdWriter) finish(s *writtenSession) {
	if s.transfer != nil && s.failed == nil { // of a driver that has not returned
		s.failed = s.transfer.entry
	}
	if s.failed != nil {
		w.write(s, s.failed)
	}
	s.transfer, s.failed = nil, nil
}

// disconnected writes the lines that are left of a session, and forgets it.
func (w *vsftpdWriter) disconnected(i server.SessionInfo) {
	s := w.session(i.ID)
	s.mu.Lock()
	w.finish(s)
	s.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, i.ID)
}

// follow has the hooks of a server tell of what is written.
func (w *vsftpdWriter) follow(h *server.Hooks) {
	if w == nil {
		return
	}
	h.Command = w.answered
	if w.protocol {
		h.Reply = w.replied
	}
	before := *h
	h.Transfer = func(t server.Transfer) {
		w.transferred(t)
		if before.Transfer != nil {
			before.Transfer(t)
		}
	}
	h.Disconnect = func(i server.SessionInfo, err error) {
		w.disconnected(i)
		if before.Disconnect != nil {
			before.Disconnect(i, err)
		}
	}
}

// intercept returns what has the server's commands pass through the logs; nil if there are none.
func (d *daemon) intercept() *server.Intercept {
	audit, vsftpd := d.audit, d.vsftpd
	switch {
	case audit == nil && vsftpd == nil:
		return nil
	case vsftpd == nil:
		return &server.Intercept{Command: audit.command}
	}
	return &server.Intercept{Command: func(ctx context.Context, c server.Command, run func() server.Reply) server.Reply {
		return vsftpd.command(c, func() server.Reply {
			if audit == nil {
				return run()
			}
			return audit.command(ctx, c, run)
		})
	}}
}
