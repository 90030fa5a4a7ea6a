package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/ftptls"
	"github.com/sallyport/sallyport/internal/nopanic"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// Server is an FTPS server. Its fields are the options: set them before the first call
// of a method and leave them alone afterwards. [Server.Update] changes the options that
// may change while the server runs. The zero value of every field is the safe one. A
// Server may serve any number of listeners at once, explicit and implicit; all of them
// share its data ports and limits.
//
// For durations and counts zero means the default given with the field and a
// negative value means no limit.
type Server struct {
	// Driver decides who may log in and what they see. Without one every
	// login is refused.
	Driver driver.Driver

	// TLS holds the certificates and the TLS policy. It is needed unless
	// InsecurePlaintext is set. The Server keeps a copy of its own.
	TLS *tls.Config

	// Passive is the set of data ports and the address announced for them.
	// Nil lets the system choose ports, which suits a host without a firewall.
	// Any number of servers may share one; whoever made it closes it, after the
	// last of them has ended. The Server writes none of its fields.
	Passive *passive.Ports

	// Active allows PORT and EPRT, where the server dials the client. Nil
	// refuses both: active mode can't pass the client's firewall.
	Active *Active

	// SessionReuse says how a data connection proves that it belongs to its control
	// connection. The default, tls.Prefer, takes a data connection that resumes the
	// control connection's TLS session, or the TLS session of another control
	// connection of the same account at the same address. A data connection that
	// resumes no TLS session is taken if it can be nobody else's, and if either the
	// session's data connections have not resumed before or the client may have no
	// ticket left. The client may have none left after an upload or a failed transfer,
	// unless the client has resumed after such a transfer. A data connection that
	// resumes somebody else's TLS session is refused.
	SessionReuse tls.Reuse

	// RequireCloseNotify refuses an upload over TLS that ends without the close_notify
	// alert (RFC 8446, section 6.1). Without the alert nothing proves the end of the
	// file, since anybody on the way can cut a TCP connection. Off by default because
	// some clients never send the alert; Hooks.Transfer then hears of such an upload as
	// Truncated. Only with RequireCloseNotify does a client that is killed never leave
	// a part of a file in place of the whole; EndGrace makes that improbable for all
	// clients. The end of a compressed stream (MODE Z) and the size announced with ALLO
	// prove the end of the file as well.
	RequireCloseNotify bool

	// EndGrace is how long an upload whose end nothing proves waits for news on the
	// control connection before the upload is committed. The end is proven by TLS
	// close_notify, by the end of a compressed stream (MODE Z), or by exactly the size
	// that ALLO announced; such an upload does not wait. If the control connection ends
	// within EndGrace, or brings ABOR or QUIT, the client was killed or gave up, and
	// the reply is 426. QUIT counts at any time between 150 and the reply, because QUIT
	// may overtake the data on the other connection. A QUIT from before 150 lets the
	// upload finish if any data comes, and does not shorten the wait. A client that
	// closes its data connection in order, sends no QUIT, and ends later than EndGrace
	// can't be told from a client that is done. The default is 100 ms under TLS and 20
	// ms in clear; it grows up to 200 ms and 100 ms while this machine has more to do
	// than processors (Linux). Negative means no wait: only what has arrived by then
	// counts.
	EndGrace time.Duration

	// InsecurePlaintext lets anybody on the network read passwords and files:
	// logins and transfers without TLS are allowed, and so is a Server without
	// certificates.
	InsecurePlaintext bool

	// AllowCCC lets a client that has logged in take TLS off its control connection
	// (RFC 4217, section 12.3): from then on anybody on the network can read and change
	// its commands, the names of its files among them. CCC is for firewalls that must
	// read PASV to open a port; a small range of Passive ports is the better answer.
	// After CCC nobody can log in, since the password would be in clear, and the
	// protection of data connections (PROT P, SessionReuse) can't be lowered.
	AllowCCC bool

	// SharedAddress says that clients seem to come from one address which is not
	// theirs, as through Docker's userland proxy or a balancer without the PROXY
	// protocol, so that addresses don't tell clients apart. Each data connection has to
	// resume the TLS session of its control connection, or of another control
	// connection of the same account, under tls.Prefer too; other data connections are
	// refused with 522. MaxSessionsPerAddress bounds the sessions of one account after
	// the login, and MaxSessions alone bounds sessions without a login. The delays
	// after refused logins count by user only: guesses of a user's password hold up
	// that user, and nobody else. Validate refuses SharedAddress together with Active,
	// with InsecurePlaintext, with tls.Off and without TLS. By default addresses are
	// taken to be the clients' own; the log warns once when 80 % of the sessions within
	// 10 minutes, 20 at least, came from one address.
	SharedAddress bool

	// NoEPSV refuses EPSV and leaves PASV, for clients and middle boxes that
	// hang after EPSV. IPv6 needs EPSV.
	NoEPSV bool

	// Compress allows MODE Z, zlib on data connections. Off by default: some clients
	// (lftp) use MODE Z whenever it is offered, and compression costs both sides far
	// more CPU time than TLS. Compression pays on slow lines. A compressed download or
	// listing holds some 0.9 MiB until it ends (1.3 after OPTS MODE Z LEVEL 1) and a
	// compressed upload 0.1 MiB, also while the client stalls; other transfers hold
	// next to nothing. A thousand compressed downloads take a gigabyte, so bound
	// MaxSessions, or the sessions of an account.
	Compress bool

	// NeverConvert keeps line ends as they are under TYPE A, too. Off by default: a
	// client that asks for TYPE A gets and sends lines that end in CRLF, whatever line
	// ends the file has (RFC 959, section 3.1.1.1). No size or offset then means the
	// same on both sides: SIZE is answered with 550, REST and RANG with 350, and the
	// RETR or STOR that follows them with 554. Nothing is converted for a client that
	// sends no TYPE: the TYPE is I at first, and not A as RFC 959, section 5.1 has it,
	// since programs that leave TYPE out store pictures. With NeverConvert TYPE A is
	// accepted and means TYPE I.
	NeverConvert bool

	// Disabled names commands that are answered with 502 and missing from FEAT and
	// HELP: "DELE", say, or "SITE CHMOD" for a command of SITE, in upper or lower case.
	// Disabling a command disables its other names, as XMKD and SITE MKDIR for MKD, MFMT
	// also the form of MDTM that sets a time, and SITE all commands of SITE. Validate refuses names that no
	// command has, and USER, PASS and QUIT, without which there is no session. Nil
	// leaves all commands on.
	Disabled []string

	// AllowSymlink switches SITE SYMLINK on, by which users make symbolic links where
	// their files can have them. The server itself never follows a link out of a
	// user's files, but other programs may: a link that was made within these files
	// can point elsewhere after the link or its directory was moved.
	AllowSymlink bool

	// Greeting is the text of the first reply, in one line or in several separated by
	// \n or \r\n. Empty means "FTP server ready". Everybody who connects sees it,
	// before any login.
	Greeting string

	// Host reports whether this server answers for a name given with HOST
	// (RFC 7151). Nil means that it answers for every name; the driver sees
	// the name in its Login.
	Host func(name string) bool

	// DirMessage is the name of a file such as .message. Its text stands in the reply when
	// a session enters the directory of the file by CWD, CDUP or its login for the first
	// time: 200 lines and 40,000 bytes at most, without control characters. A session gets
	// the texts of 1000 directories at most. Empty means none.
	DirMessage string

	// Location is the time zone of LIST and, with LocalMDTM, of MDTM; MLSD and MLST are
	// always UTC (RFC 3659, section 2.3). Nil means UTC.
	Location *time.Location

	// LocalMDTM has MDTM tell and take times in Location, as vsftpd does if its times are
	// local. Off by default: RFC 3659, section 2.3, wants UTC, and clients that copy a
	// file's time by MDTM get the time wrong by the offset of the zone.
	LocalMDTM bool

	// HideDotFiles leaves names that begin with a dot out of LIST, NLST and STAT unless
	// the client asks for them by the flag -a, or by a pattern that begins with a dot. The
	// files can be used all the same, and MLSD lists them. Off by default.
	HideDotFiles bool

	// ListRecursive has LIST -R and NLST -R list a directory and all directories below,
	// without following symbolic links. Directories that can't be read are left out. A
	// tree where more than 100,000 directories would have to be remembered at once is
	// refused with 451. Off by default: -R is ignored, since one command can then read
	// every directory there is.
	ListRecursive bool

	// IdleTimeout ends a session that sends no command for so long while no
	// transfer runs. Default 5 minutes.
	IdleTimeout time.Duration
	// LoginTimeout ends a connection on which nobody has logged in for so long since
	// the connection was accepted, or since a logout by USER, REIN or AUTH. The time
	// that a login waits for other logins to be judged counts. Default 60 seconds.
	LoginTimeout time.Duration
	// HandshakeTimeout bounds each TLS handshake. Default 10 seconds. Handshakes of
	// control connections compute in turns: GOMAXPROCS at once but 2 at least, and
	// never all of these for one client address (or IPv6 network of 48 bits). The wait
	// for a turn counts.
	HandshakeTimeout time.Duration
	// DataTimeout ends a transfer that moves no byte for so long. Default 60
	// seconds.
	DataTimeout time.Duration

	// MaxSessions bounds the connections at once, counted from the first byte,
	// before any handshake. Default 5,000.
	MaxSessions int
	// MaxSessionsPerAddress bounds the connections of one client address, or of one
	// IPv6 network of 64 bits, since a single client may have such a network. Default
	// 500, because a whole company may sit behind one address.
	MaxSessionsPerAddress int
	// MaxLogins bounds the logins that Driver judges at once, since a slow hash takes
	// all of a processor; other logins wait for their turn. A login that takes more
	// than a second, or has said that it waits ([driver.LoginWaits]), no longer counts.
	// Default runtime.GOMAXPROCS less one, at least 1; more suits a Driver that asks
	// another host.
	//
	// Logins with the fewest refusals behind them have their turn first. After a
	// refusal the next login of the same user from the same address (or IPv6 network of
	// 64 bits) waits before it is judged, longer each time, up to 8 seconds, whether
	// the client reconnects or not. One address has 10 refusals a second for all users
	// together; that limit does not hold up users who have logged in from the address
	// within a day.
	MaxLogins int
	// MaxLoginFailures ends a session after so many refused logins. Default 3.
	MaxLoginFailures int

	// Siblings lets the TLS sessions of other processes that serve the same users count.
	// Nil if there are no other processes.
	Siblings Siblings

	// Recount is called during a login whose account has a limit on sessions, and returns
	// what the sessions of other processes take at that moment; false leaves it at the last
	// CountElsewhere. This server's Occupancy counts the session meanwhile, so of processes
	// that ask each other the later one sees the session of the earlier: together they never
	// admit too many, but at one instant each may refuse a session for that of another. The
	// login waits for Recount, which should return soon if a process does not answer. ctx
	// ends with the session. Recount is called concurrently. Nil stands for false.
	Recount func(ctx context.Context) (elsewhere Occupancy, ok bool)

	// SessionPrefix begins the ID of each session, so that the logs of several processes
	// that serve together can be told apart. It may have up to 32 ASCII letters, digits,
	// dots, hyphens and underscores. Empty is none: IDs are then unique within the process
	// alone.
	SessionPrefix string

	// Hooks are told what happens. Nil tells nobody.
	Hooks *Hooks

	// Intercept takes part in what happens. Nil leaves it to the server.
	Intercept *Intercept

	// Logger receives the log. Nil means silence. Passwords never reach the log, and
	// names in it are escaped so that they can't forge a line. Lines that anybody can
	// cause without a login, refused logins among them, are limited to ten a minute of
	// each kind; the next line of that kind tells how many were left out. A program
	// that needs every refused login, to ban addresses, has Hooks.Login. Sessions write
	// to Logger themselves: a handler that blocks holds its session up, and a handler
	// that panics loses the line.
	Logger *slog.Logger

	updating sync.Mutex // held by Update
	settings atomic.Pointer[inForce]

	once       sync.Once
	startErr   error
	log        *slog.Logger
	layer      *ftptls.Layer
	ports      *passive.Ports // Passive, or ports that the server made
	prover     *prover
	joint      passive.Prover // prover, or what Siblings has made of it
	judge      judge
	drains     drains
	handshakes handshakes
	fair       fair
	promised   promised
	often      oftenLines

	checkPorts  sync.Once
	warnPrivate sync.Once

	mu         sync.Mutex
	listeners  map[net.Listener]struct{}
	sessions   map[*session]struct{}
	perNetwork map[netip.Prefix]int
	elsewhere  Occupancy           // of other processes
	counted    time.Time           // when CountElsewhere was called last
	holdings   map[string]*holding // by the name that holder returns, see letGo
	origins    origins
	draining   chan struct{}
	idle       idlePoller
	stopped    bool
	running    sync.WaitGroup
}

// Active configures active mode, where the server dials the client's data port. The
// server dials only the address of the control connection's peer, and only ports from
// 1024 up (RFC 2577, section 3).
//
// InsecureAnyAddress gives up both.
type Active struct {
	// SourcePort is the local port that data connections come from: 20 is the
	// port of RFC 959, section 3.2 and needs privileges, 989 its counterpart
	// for implicit TLS. Zero lets the system choose.
	SourcePort uint16

	// Dial makes a data connection in place of the server, for example by means of
	// another process that may use SourcePort. local is the address of the control
	// connection with SourcePort, remote is what the client has asked for; the context
	// ends with the transfer, and after Timeout. An error is answered with 425. Nil
	// has the server dial. Several goroutines may call Dial at the same time.
	Dial func(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error)

	// Timeout is how long it may take to connect to the client. 0 is 30 seconds, and a
	// negative value leaves the time to the system.
	Timeout time.Duration

	// InsecureAnyAddress lets clients name any address and any port, so that they can have
	// this server connect to other hosts, and to this one, behind its firewall: the bounce
	// attack of RFC 2577. It is for a client that has another server send it a file
	// (vsftpd calls it port_promiscuous).
	InsecureAnyAddress bool
}

// ErrServerClosed is returned by the Serve methods after Shutdown or Close.
var ErrServerClosed = errors.New("server: closed")

// start prepares the server once, however many listeners it serves.
func (srv *Server) start() error {
	srv.once.Do(func() {
		srv.log = nopanic.Logger(srv.Logger)
		if srv.log == nil {
			srv.log = slog.New(slog.DiscardHandler)
		}
		srv.mu.Lock()
		srv.init()
		srv.mu.Unlock()
		if srv.startErr = srv.Validate(); srv.startErr != nil {
			return
		}
		if srv.TLS != nil {
			srv.layer, srv.startErr = ftptls.NewLayer(srv.TLS)
		}
		ports := srv.Passive
		if ports == nil {
			ports = passive.Any()
		}
		srv.mu.Lock()
		srv.ports, srv.prover = ports, &prover{srv: srv}
		srv.joint = srv.prover
		srv.join()
		srv.mu.Unlock()
		srv.settings.Store(srv.inForce())
		srv.warnDescriptors(maxDescriptors())
		if srv.Driver == nil {
			srv.log.Warn("no driver is set: every login will be refused")
		}
	})
	return srv.startErr
}

// warnDescriptors warns at start if the process may open fewer descriptors than
// sessions are allowed. Each session takes one descriptor, and its transfer two more.
// Without the warning the lack shows on the busiest day, by connections that nobody
// accepts.
func (srv *Server) warnDescriptors(limit uint64) {
	most := count(srv.MaxSessions, DefaultMaxSessions)
	if limit == 0 || srv.MaxSessions < 0 || limit > uint64(most) {
		return
	}
	srv.log.Warn("the system lets this process open fewer files and connections than sessions are allowed", "limit", limit, "MaxSessions", most,
		"cure", "raise the limit: ulimit -n, or LimitNOFILE= of a systemd unit")
}

// init makes the maps. The caller holds mu.
func (srv *Server) init() {
	if srv.draining == nil {
		srv.draining = make(chan struct{})
		srv.listeners = make(map[net.Listener]struct{})
		srv.sessions = make(map[*session]struct{})
		srv.perNetwork = make(map[netip.Prefix]int)
		srv.holdings = make(map[string]*holding)
		srv.judge.places = srv.maxLogins
	}
}

// checkDataPorts binds every data port once, so that "21003 is in use" is logged at
// start and not when the first client needs the port.
func (srv *Server) checkDataPorts(ctx context.Context, ln net.Listener) {
	srv.checkPorts.Do(func() {
		var addrs []netip.Addr
		if a := addrPort(ln.Addr()).Addr(); a.IsValid() && !a.IsUnspecified() {
			addrs = append(addrs, a)
		}
		if err := srv.ports.Check(ctx, addrs...); err != nil {
			for line := range strings.Lines(err.Error()) {
				srv.log.Error("data ports", "problem", strings.TrimSpace(line))
			}
		}
	})
}

// addrPort returns the address of a TCP connection or listener, an IPv4 address in its
// plain form and not as IPv4-mapped IPv6. It returns the zero value for a connection of
// another kind.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
