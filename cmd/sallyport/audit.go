package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// auditor writes to the audit log what the server does: a line for each login, logout, file operation and refused
// connection. A nil auditor writes nothing.
type auditor struct {
	*auditLog

	mu      sync.Mutex
	waiting map[string]waitingLine       // lines whose reply is still to come, by session
	strange [refusalKinds]loglimit.Share // limits the lines of refused connections, which anybody can cause
}

// waitingLine is a line that is complete but for the code of the reply. The line is written as soon as the code is
// known.
type waitingLine struct {
	event string
	verbs []string    // the commands whose reply it can be
	who   []slog.Attr // attributes before the code; attrs are those behind it
	attrs []slog.Attr
}

// written returns the attributes of the line with the code, or without one if code is 0: the reply was never written.
func (w waitingLine) written(code int) []slog.Attr {
	if code == 0 {
		return append(w.who, w.attrs...)
	}
	return append(append(w.who, slog.Int("code", code)), w.attrs...)
}

// openAudit opens the audit log, if the options name one.
func (d *daemon) openAudit() error {
	if d.auditLog == "" {
		return nil
	}
	log, err := d.openAuditLog(d.log)
	if err != nil {
		return d.told("audit-log", err)
	}
	d.audit = newAuditor(log)
	return nil
}

func newAuditor(log *auditLog) *auditor {
	return &auditor{auditLog: log, waiting: map[string]waitingLine{}}
}

// shut writes the lines that are left and closes the audit log.
func (a *auditor) shut() {
	if a != nil {
		a.auditLog.close()
	}
}

// hooks returns the hooks by which the logs and bans learn what happens.
func (d *daemon) hooks() *server.Hooks {
	h := &server.Hooks{
		Connect: func(i server.SessionInfo) { d.vsftpd.connected(i); d.bans.connected(i) },
		Refuse:  func(r server.Refusal) { d.bans.refused(r); d.audit.refused(r); d.vsftpd.refused(r) },
		Login:   func(l server.Login) { d.audit.login(l); d.vsftpd.login(l); d.bans.login(l) },
	}
	if d.audit != nil {
		h.Logout, h.Transfer, h.Disconnect = d.audit.logout, d.audit.transfer, d.audit.disconnect
	}
	d.vsftpd.follow(h)
	return h
}

// whose returns the attributes that name a session, its user and its peer.
func whose(s server.SessionInfo, user string) []slog.Attr {
	return []slog.Attr{slog.String("session", s.ID), slog.String("user", user), slog.String("peer", s.Peer.String())}
}

// secured returns the attributes that describe the TLS of a connection; t is nil for a connection in clear.
func secured(t *server.TLSInfo, resumed bool) []slog.Attr {
	version := ""
	if t != nil {
		version = tls.VersionName(t.Version)
	}
	return []slog.Attr{slog.String("tls", version), slog.Bool("resumed", t != nil && resumed)}
}

// onControl returns the attributes that describe the TLS of the control connection as it is now.
func onControl(s server.SessionInfo) []slog.Attr {
	if !s.Secure || s.TLS == nil {
		return secured(nil, false)
	}
	return secured(s.TLS, s.TLS.Resumed)
}

// login keeps the line of a login until the code of the reply is known.
func (a *auditor) login(l server.Login) {
	if a == nil {
		return
	}
	attrs := append([]slog.Attr{slog.String("result", resultOf(l.Err))}, onControl(l.Session)...)
	a.hold(l.Session.ID, waitingLine{"login", []string{"PASS", "USER", "ACCT"}, whose(l.Session, l.User), append(attrs, cause(l.Err)...)})
}

// resultOf returns what came of a login: "ok", "refused", or "undecided" where no source of users could decide, which
// the client hears as a reply of 4yz.
func resultOf(err error) string {
	var words *driver.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, driver.ErrLogin), errors.Is(err, server.ErrTooManySessions), errors.As(err, &words) && words.Code >= 500:
		return "refused"
	}
	return "undecided"
}

// cause returns the attribute of an error, nil without one.
func cause(err error) []slog.Attr {
	if err == nil {
		return nil
	}
	return []slog.Attr{slog.String("err", err.Error())}
}

// logout writes the line of a logout.
func (a *auditor) logout(s server.SessionInfo) {
	a.flush(s.ID)
	attrs := append(whose(s, s.User), slog.Int64("received", s.Received), slog.Int64("sent", s.Sent))
	a.write("logout", append(attrs, slog.Duration("duration", time.Since(s.LoggedIn)))...)
}

// Kinds of refused connections. Each kind may write so many lines a minute, so that a storm of one kind hides no
// other.
const (
	refusedByBan = iota
	refusedByLimit
	refusedOtherwise
	refusalKinds // how many there are
)

func refusalKind(r server.Refusal) int {
	switch {
	case errors.Is(r.Err, errBanned):
		return refusedByBan
	case r.Limit != "":
		return refusedByLimit
	}
	return refusedOtherwise
}

// refused writes the line of a refused connection. The number of lines is limited, since anybody can cause refusals,
// and refused doesn't wait until a line is written, since it is called where connections are accepted.
func (a *auditor) refused(r server.Refusal) {
	if a == nil {
		return
	}
	a.mu.Lock()
	ok, dropped := a.strange[refusalKind(r)].Allow()
	a.mu.Unlock()
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("peer", r.Peer.String()), slog.String("local", r.Local.String())}
	if dropped > 0 {
		attrs = append(attrs, slog.Uint64("unreported", dropped))
	}
	a.post("connection-refused", append(attrs, cause(r.Err)...)...)
}

// stores are the commands that create or replace a file; their lines say whether the file was committed.
var stores = []string{"STOR", "APPE", "STOU", "COMB", "SITE CPTO"}

// transfer keeps the line of a transfer until the code of the reply is known.
func (a *auditor) transfer(t server.Transfer) {
	who := append(whose(t.Session, t.Session.User), slog.String("path", t.Path))
	who = append(who, a.files("from", t.From)...)
	attrs := []slog.Attr{slog.Int64("offset", t.Offset), slog.Int64("bytes", t.Bytes)}
	if slices.Contains(stores, t.Verb) {
		attrs = append(attrs, slog.Bool("committed", t.Err == nil), slog.Bool("vouched", t.Err == nil && !t.Unproven))
	}
	attrs = append(attrs, secured(t.TLS, t.Resumed)...)
	attrs = append(attrs, slog.Duration("duration", t.Duration))
	a.hold(t.Session.ID, waitingLine{t.Verb, []string{t.Verb}, who, append(attrs, cause(t.Err)...)})
}

// looks are commands with a path that neither read nor change a file. Every other command with a path is audited.
var looks = []string{"CWD", "XCWD", "CDUP", "XCUP", "SIZE", "MLST", "STAT", "AVBL", "RNFR", "SITE CPFR"}

// setsTime matches a line of MDTM that sets a time.
var setsTime = regexp.MustCompile(`^\w+ [0-9]{14}(\.[0-9]+)? .`)

// verbOf returns the verb of a line in capitals; for SITE, the verb with the subcommand, such as "SITE CPTO".
func verbOf(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if verb == "SITE" {
		second, _, _ := strings.Cut(rest, " ")
		verb += " " + strings.ToUpper(second)
	}
	return verb
}

// command runs a command and writes its line before the client gets the reply.
func (a *auditor) command(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
	start := time.Now()
	reply := run()
	verb := verbOf(c.Line)
	if line, ok := a.take(c.Session.ID, verb); ok {
		a.write(line.event, line.written(reply.Code)...)
		return reply
	}
	if c.Path == "" || slices.Contains(looks, verb) || verb == "MDTM" && !setsTime.MatchString(c.Line) {
		return reply
	}
	attrs := append(whose(c.Session, c.Session.User), slog.String("path", c.Path))
	attrs = append(append(attrs, a.files("from", c.From)...), slog.Int("code", reply.Code))
	attrs = append(attrs, onControl(c.Session)...)
	a.write(verb, append(attrs, slog.Duration("duration", time.Since(start)), slog.Any("line", printed(c.Line)))...)
	return reply
}

// disconnect writes the line that still waits when a session ends, as after a driver that has not returned.
func (a *auditor) disconnect(s server.SessionInfo, _ error) { a.flush(s.ID) }

// hold keeps a line until its reply is known. A line of the session that waited before is written without a code.
func (a *auditor) hold(session string, line waitingLine) {
	a.flush(session)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[session] = line
}

// take returns the line that waits for the reply to a command.
func (a *auditor) take(session, verb string) (line waitingLine, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	line, ok = a.waiting[session]
	if !ok || !slices.Contains(line.verbs, verb) {
		return waitingLine{}, false
	}
	delete(a.waiting, session)
	return line, true
}

// flush writes the waiting line of a session, without a code.
func (a *auditor) flush(session string) {
	a.mu.Lock()
	line, ok := a.waiting[session]
	delete(a.waiting, session)
	a.mu.Unlock()
	if ok {
		a.write(line.event, line.written(0)...)
	}
}

// banned writes the line of a ban that the server imposes. It doesn't wait until the line is written, since
// connections may be accepted meanwhile.
func (a *auditor) banned(b ban) {
	if a != nil {
		a.post("ban", a.about(b, "")...)
	}
}

// ban writes the line of a ban that somebody imposed or lifted by hand.
func (a *auditor) ban(event string, b ban, by string) {
	if a != nil {
		a.write(event, a.about(b, by)...)
	}
}

func (a *auditor) about(b ban, by string) []slog.Attr {
	attrs := []slog.Attr{slog.String("network", b.Network.String()), slog.Bool("automatic", b.Automatic)}
	if b.Until != nil {
		attrs = append(attrs, slog.Time("until", *b.Until))
	}
	if by != "" {
		attrs = append(attrs, slog.String("by", by))
	}
	return append(attrs, slog.String("reason", b.Reason))
}
