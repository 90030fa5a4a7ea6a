package server

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// Hooks are functions that the server calls, each after the fact that it is named for, and
// in the order in which the facts happened in a session. Any of them may be nil. The hooks
// of one session run one at a time, and a slow hook slows its session and no other.
// Sessions run at the same time, so a hook must be safe for concurrent use. A hook that
// panics ends its session.
type Hooks struct {
	// Connect is called when a connection was counted and accepted, before
	// any handshake.
	Connect func(SessionInfo)
	// Refuse is called when a connection was closed before a session began, so that Connect
	// never hears of the connection: a limit is reached, the server shuts down, or a
	// listener says so by Server.Refused. Refuse is called where connections are accepted,
	// and no other connection is accepted while it runs. A TLS handshake that fails is the
	// end of a session: Disconnect tells of it, with ErrHandshake.
	Refuse func(Refusal)
	// Login is called after each attempt to log in, by password or certificate.
	Login func(Login)
	// Logout is called when a session that was logged in no longer is: at USER, REIN and
	// AUTH, and before Disconnect. SessionInfo is from before the logout. The context of
	// what the driver opened for the login has ended by then.
	Logout func(SessionInfo)
	// Command is called when the final reply to a command was written.
	Command func(Command)
	// Reply is called when a reply was written, before the hook of its command:
	// final and preliminary ones, the greeting, and what no command asked for.
	Reply func(SessionInfo, Reply)
	// Transfer is called when a transfer is over and its file closed, before the client is
	// told. It is called for each transfer that got 150 or whose data port was lost just
	// before, for each upload that the driver refused before 150 (CheckStore), and for SITE
	// CPTO and COMB, which move files within the server. Anything else that is refused
	// before 150 is no transfer, and only Command is called: a path or a REST that makes no
	// sense, a missing PASV or PROT P, a file that can't be opened, a directory that can't
	// be listed.
	Transfer func(Transfer)
	// Disconnect is called when a session is over, after its last transfer, with the
	// reason: nil after QUIT. If Server.Disconnect ended the session, also in a handshake
	// or in a driver that does not return, errors.Is finds ErrDisconnected in the error,
	// whatever else went wrong.
	Disconnect func(SessionInfo, error)
}

// SessionInfo describes a session at one moment.
type SessionInfo struct {
	// ID names the session in logs and hooks. It begins with Server.SessionPrefix, is no
	// secret, and does not repeat within a process.
	ID string
	// Peer is the client's address and Local the one it connected to.
	Peer, Local netip.AddrPort
	// User is empty before login.
	User string
	// Value is what the driver gave the login, see driver.Account; nil before login.
	Value any
	// Started is when the connection was accepted.
	Started time.Time
	// LoggedIn is when the driver let the user in; zero before login.
	LoggedIn time.Time
	// IdleSince is when the last command was done, or Started before the first; zero
	// while a command is under way (Doing).
	IdleSince time.Time
	// Dir is the working directory as the user sees it, from "/"; empty before login.
	Dir string
	// Host is the name that the client asked for, by HOST (RFC 7151) or else by SNI.
	Host string
	// Client is how the client's program names itself by CLNT or CSID, in the form of
	// Command.Line and no longer than 200 bytes. Any client can give any name.
	Client string
	// TLS is the handshake of the control connection, nil before the handshake. It stays
	// after CCC, with Secure false.
	TLS *TLSInfo
	// Implicit says that TLS came first (port 990), Secure that the control
	// connection is protected now.
	Implicit, Secure bool
	// Doing is the command under way, such as "RETR /big.iso", empty for an
	// idle session. Passwords are masked.
	Doing string
	// Transferred counts the bytes of the transfer under way.
	Transferred int64
	// Received and Sent count the bytes of finished transfers.
	Received, Sent int64
}

// Login is an attempt to log in.
type Login struct {
	Session SessionInfo
	// User is the name tried.
	User string
	// Err is nil for a success and driver.ErrLogin, wrapped or not, for wrong credentials.
	// A *driver.Error that does not wrap driver.ErrLogin is a refusal for another reason,
	// in words that the client was told. ErrTooManySessions, wrapped, is a limit on the
	// sessions of the account. With any other error the login was not decided: the driver
	// could not, or the login waited for others until LoginTimeout was over.
	Err error
}

// Command is a command and its reply.
type Command struct {
	Session SessionInfo
	// Line is the command as received with passwords (PASS, ACCT) masked. Control
	// characters and what is not UTF-8 are escaped, so that nothing is lost: as
	// \xHH and \uHHHH, and a backslash that would read as one of these as \x5c.
	// The log has names in the same form.
	Line string
	// Path is the file or directory that the command is about, as the user sees it from
	// "/": resolved against the working directory, ".." and patterns (LIST *.txt)
	// included, existing or not. For RNTO and SITE CPTO it is the new name, for COMB the
	// target. Empty for commands without a path, and before login.
	Path string
	// From are the other files that the command takes, in the same form as Path: what RNTO
	// renames, SITE CPTO copies, and COMB joins to Path.
	From []string
	// Code is the code of the final reply.
	Code int
	// Duration is the time from reading the command to writing the reply.
	Duration time.Duration
}

// Transfer is a finished transfer of a file or a listing, or of files within the
// server.
type Transfer struct {
	Session SessionInfo
	// Verb is the command: RETR, STOR, APPE, STOU, LIST, NLST or MLSD; or, within the
	// server and without a data connection, COMB or SITE CPTO.
	Verb string
	// Path is the file as the user sees it, from "/". It may hold any bytes but
	// CR, LF and NUL: what is not UTF-8 is lost in JSON unless it is escaped.
	Path string
	// From are the files that SITE CPTO copies and COMB joins to Path, in the same form as
	// Path; nil for other transfers.
	From []string
	// Offset is where the transfer started in the file.
	Offset int64
	// Bytes counts what crossed the data connection, before compression, or was copied.
	Bytes int64
	// Duration is the time from the command to the closed file.
	Duration time.Duration
	// Err is the cause of failure; nil means that the transfer is complete and, for an
	// upload, the file committed.
	Err error
	// Protected says that the data connection was protected (PROT P). Resumed says that
	// the TLS session of the data connection proved whose connection that is.
	Protected, Resumed bool
	// TLS is the handshake of the data connection, nil in clear and before the handshake.
	TLS *TLSInfo
	// Active says that the server has connected to the client (PORT, EPRT), and not the
	// client to a data port (PASV, EPSV).
	Active bool
	// Truncated says that an upload over TLS ended without close_notify, so
	// nobody can tell whether its end was cut off.
	Truncated bool
	// Unproven says that nothing vouches for the end of an upload: the upload came in clear
	// or without close_notify, was not compressed (MODE Z), and had not the size that ALLO
	// announced, if any. If Err is nil the upload was kept, since no news of the control
	// connection spoke against it, see Server.EndGrace.
	Unproven bool
	// Peer is the other end of the data connection.
	Peer netip.AddrPort
	// ASCII says that line ends were converted: the client sent TYPE A.
	ASCII bool
	// Compressed says that the data was compressed (MODE Z).
	Compressed bool
}

func (s *session) hookConnect() {
	s.log(slog.LevelDebug, "connected", "local", s.local, "implicit", s.implicit)
	if h := s.srv.Hooks; h != nil && h.Connect != nil {
		h.Connect(s.info())
	}
}

// hookLogout calls the hook Logout if the session was logged in. The caller deals with a
// panic of the hook.
func (s *session) hookLogout(was SessionInfo, loggedIn bool) {
	if h := s.srv.Hooks; loggedIn && h != nil && h.Logout != nil {
		h.Logout(was)
	}
}

// hookEnd calls the hook Logout if the session was logged in, and then the hook Disconnect,
// even if Logout panics.
func (s *session) hookEnd(cause error) {
	defer s.rescue(&cause)
	defer func() { s.hookDisconnect(cause) }()
	defer s.rescue(&cause)
	s.hookLogout(s.info(), s.loggedIn)
}

func (s *session) hookDisconnect(cause error) {
	s.logEnd(cause)
	if h := s.srv.Hooks; h != nil && h.Disconnect != nil {
		h.Disconnect(s.info(), cause)
	}
}

func (s *session) hookLogin(user string, err error) {
	s.logLogin(user, err)
	if h := s.srv.Hooks; h != nil && h.Login != nil {
		h.Login(Login{Session: s.info(), User: user, Err: err})
	}
}

func (s *session) hookCommand(cmd wire.Command, c Command, code int, took time.Duration) {
	if h := s.srv.Hooks; h != nil && h.Command != nil {
		c.Session, c.Code, c.Duration = s.info(), code, took
		h.Command(c)
	}
	if s.srv.log.Enabled(s.ctx, slog.LevelDebug) {
		s.log(slog.LevelDebug, "command", "line", cmd.Redacted(), "code", code)
	}
}

func (s *session) hookReply(r wire.Reply) {
	if h := s.srv.Hooks; h != nil && h.Reply != nil {
		h.Reply(s.info(), Reply{r.Code, slices.Clone(r.Lines)})
	}
}

func (s *session) hookTransfer(t *Transfer) {
	s.logTransfer(t)
	if h := s.srv.Hooks; h != nil && h.Transfer != nil {
		t.Session = s.info()
		h.Transfer(*t)
	}
}

// tellsTransfers reports whether a hook or Intercept is told more of a transfer than the
// log holds.
func (srv *Server) tellsTransfers() bool {
	hooks, intercept := srv.Hooks, srv.Intercept
	return hooks != nil && hooks.Transfer != nil || intercept != nil && intercept.Data != nil
}
