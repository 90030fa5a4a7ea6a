// Package driver is the contract between the FTPS server and whatever holds
// its users and files, together with the built-in backends.
//
// The smallest working driver lets one user see one directory:
//
//	files, err := driver.OpenDir("/srv/ftp")
//	if err != nil {
//		log.Fatal(err)
//	}
//	srv := &server.Server{Driver: driver.User("alice", "correct horse", files)}
//
// Files are in a directory ([OpenDir]), in memory ([Mem]), in an archive or
// embedded ([ReadOnly]), wherever afero reaches ([Afero]) or in a bucket of
// object storage (package [driver/s3], a module of its own). [Mount] joins
// several into one tree, [Limit] puts a quota on one, [WithoutWrites] makes one
// read-only, [Restrict] has a function decide about each name and [Inspect] has one
// look at each upload. Users are one ([User]), a map ([Users]) or a function
// ([Func]). A driver of your own is proved by package drivertest.
//
// # Guarantees to a driver
//
// The server resolves every name before a driver sees it: names obey [fs.ValidPath] (no
// leading slash, no "..", no empty element, the root is "."), or [ValidName], which allows
// what is not UTF-8, if the FS is a [RawNamer]. The context of a call ends when the
// session ends. If the client ends the control connection in order, the context of a call
// outside of a transfer ends two seconds later, so that commands sent ahead are done. ABOR
// ends the context of Open, Store, CheckStore, List and Checksum, and of all other calls
// that a transfer, a copy or a listing makes once it is under way; a command that makes
// one other call, such as SIZE, MKD, DELE, RMD, RNTO, MFMT, SITE CHMOD or AVBL, is done
// before ABOR is answered. QUIT ends no context, since commands sent before QUIT are done
// first, except the context of a transfer whose driver moves nothing for ten seconds. An
// [FS] may be used by several goroutines at once. An [Upload] is used by one goroutine at
// a time and Close is always called.
//
// # Guarantees to the server
//
// Errors are those of io/fs, wrapped or not: [fs.ErrNotExist], [fs.ErrExist],
// [fs.ErrPermission], [errors.ErrUnsupported], and [ErrQuota], [ErrOffset], [ErrIsDir],
// [ErrNotDir], [ErrNotEmpty], [ErrName], [ErrChanged], [ErrBusy] of this package. A driver
// that wants its own words on the wire returns an [*Error]; the text of any other error goes
// to the log only. [SysError] translates errors of the system into these.
//
// # Security considerations
//
// A wrapper that restricts an FS must not have an Unwrap method unless it
// intercepts every optional ability it means to restrict, because the ability
// functions look behind wrappers. [Restrict] intercepts all abilities, including
// the abilities of later versions.
//
// [driver/s3]: https://pkg.go.dev/github.com/sallyport/sallyport/driver/s3
package driver

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/netip"
)

// Driver decides who may log in and which files they see. Implementations must be safe
// for concurrent use. If an implementation also has a method
//
//	Validate() error
//
// the server calls Validate before it listens, and again in Server.Update, to learn
// whether the configuration of the Driver makes sense; [User] and [Users] have the
// method. Validate must not call Update or a Serve method of that server, which would
// wait for Validate to return.
type Driver interface {
	// Login returns the account that this session uses from now on, a value of its own
	// that the caller may change. The context ends at the logout (USER, REIN or AUTH:
	// RFC 959, section 4.1.1), when the control connection ends, and when Login
	// returns an error. The error, wrapped or not, decides what the client reads and
	// whether the attempt counts as a guessed password:
	//
	//   - ErrLogin means that the credentials are wrong. The client reads 530
	//     "Login incorrect." Only this error counts as a guess: the next login of
	//     the same user from the same address waits, and a session has few guesses.
	//   - ErrNeedPassword means that Certificate is right but must come with a
	//     password, for which the client is asked.
	//   - An [*Error] is sent with its text, and with its code if that is 421,
	//     which ends the session, or 530 to 539, else with 530: the account has
	//     expired, or may not log in from here. It counts as no guess, unless its Err is
	//     ErrLogin. Words about an account are for whoever has proved to own it:
	//     compare the password first and with the same effort, or everybody learns
	//     which accounts there are, and without a wait.
	//   - Any other error means that the login could not be decided, as when a
	//     directory is out of order. The client reads the same reply as for
	//     ErrLogin, the log has the error, and nothing is counted.
	//
	// A client that hangs up before Login returns has made a guess, unless the
	// error is an *Error without ErrLogin.
	Login(ctx context.Context, l *Login) (*Account, error)
}

// A Passwordless is a [Driver] that lets some users in without asking them for a password,
// as servers of public files do with the user anonymous (RFC 1635).
type Passwordless interface {
	// NeedsNoPassword reports whether Login is called as soon as the client has sent USER,
	// with an empty password. The client is not told to send one: the reply to USER is that
	// of the login. It is called for each USER, concurrently, and must be quick.
	NeedsNoPassword(user string) bool
}

// Account is what a login opens.
type Account struct {
	// FS is the tree of files that the session sees. If FS is nil, the Driver has made
	// a mistake, and the login fails.
	FS FS

	// Owner names the account. The server treats sessions with the same Owner and the
	// same client address as one program, which may offer the TLS ticket of one
	// session on a data connection of another. If Owner is empty, Login.Host and
	// Login.User together name the account. Set Owner where several names are one
	// account, or where one name is several accounts. Owner is compared and never
	// shown to a client.
	Owner string

	// Value belongs to the program: a tenant, a record of a database. The server hands
	// Value on until the logout as SessionInfo.Value, to hooks and to callers of
	// server.SessionFrom, and never looks at it.
	Value any

	// Policy holds rules for this account in addition to the server's settings. The
	// zero value adds nothing.
	Policy Policy
}

// Func adapts a function to a Driver.
type Func func(ctx context.Context, l *Login) (*Account, error)

// Login calls f.
func (f Func) Login(ctx context.Context, l *Login) (*Account, error) { return f(ctx, l) }

// Login is one attempt to log in.
type Login struct {
	// Session is the ID of the session, by which hooks and the log name it. The
	// context of Login has more, see server.SessionFrom.
	Session string

	// User is the argument of USER (RFC 959, section 4.1.1), never empty.
	User string

	// Password is the argument of PASS. It is empty when the client sent an
	// empty one, and when the attempt rests on Certificate alone.
	Password string

	// Certificate is the client's certificate after it was verified against
	// the server's client CAs (RFC 4217, section 5); nil without one.
	Certificate *x509.Certificate

	// Peer is the client's address, and Local the address it connected to.
	// They are the zero value on connections that are not TCP.
	Peer, Local netip.AddrPort

	// Host is the name the client asked for with HOST (RFC 7151) or, without
	// HOST, by SNI; empty when it did neither.
	Host string

	// Secure reports whether the control connection is protected by TLS.
	Secure bool
}

// ErrLogin is returned by Login when the credentials are wrong. ErrLogin says no more
// on purpose: a client must not learn whether the name or the password was wrong. To
// tell the client more all the same, wrap ErrLogin:
// &Error{Code: 530, Text: "…", Err: ErrLogin}.
var ErrLogin = errors.New("driver: login incorrect")

// ErrNeedPassword is returned by Login for a Certificate without a Password when only
// both together log in (RFC 4217, section 5), or when certificates log nobody in. The
// client is asked for a password, as after ErrLogin, but nothing was refused yet: no
// hook is called and no failure counted. For a Login with a password, ErrNeedPassword
// means what ErrLogin does.
var ErrNeedPassword = errors.New("driver: a password is needed")

// FS is the tree of files one session sees. Names obey [fs.ValidPath], or [ValidName]
// if the FS is a [RawNamer]. Implementations must be safe for concurrent use. The
// server never closes an FS, because sessions may share one; whatever belongs to one
// session is released with [context.AfterFunc] on the context given to Login. An
// invalid name is an error ([fs.ErrInvalid] or [ErrName]), never a panic.
type FS interface {
	// Stat describes the named file, following symbolic links where the FS
	// has them. The Name of the root is ".".
	Stat(ctx context.Context, name string) (fs.FileInfo, error)

	// List yields the entries of the named directory, in any order, without "." and
	// "..". It yields one error, as the last pair, when the listing can't be
	// completed; an FS must not read ahead more than a bounded number of entries.
	// Listing a file yields an error that is ErrNotDir. An entry that vanishes
	// meanwhile is left out. An entry that can't be described is left out or described
	// as far as it is known, and does not end the listing. A symbolic link is
	// described as a link, not as its target. The sequence may be used once.
	List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error]

	// Open opens the named file for reading from offset bytes after its start. An
	// offset beyond the end is ErrOffset; an offset at the end gives a reader without
	// bytes; a negative offset is fs.ErrInvalid. Opening a directory is ErrIsDir. A
	// file replaced or removed meanwhile reads to its end if the FS is atomic. A file
	// that grows meanwhile reads to the end that the file had at Open. When the reader
	// is an *os.File or a FilePart the server may send it without copying.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error)

	// Store begins an upload. Nothing is visible under name until Commit
	// when the FS is atomic; an FS that is not says so in its doc. A
	// directory of that name is ErrIsDir, a missing parent fs.ErrNotExist.
	//
	// Of two uploads to one name that replace the file the last to commit
	// wins, whole. An upload with Append adds to the file as the file is at
	// Commit, so nothing that another upload committed meanwhile is lost. An
	// upload with an Offset commits only over the file that it began with: see
	// [StoreOptions]. Commit looks at the tree again, see [Upload].
	Store(ctx context.Context, name string, opts StoreOptions) (Upload, error)

	// Mkdir creates a directory; its parent must exist, and a name that is
	// taken is fs.ErrExist.
	Mkdir(ctx context.Context, name string) error

	// Remove removes a file or a symbolic link, never a directory, which is
	// ErrIsDir.
	Remove(ctx context.Context, name string) error

	// RemoveDir removes an empty directory. A file is ErrNotDir, a directory
	// with entries ErrNotEmpty, the root fs.ErrPermission.
	RemoveDir(ctx context.Context, name string) error

	// Rename moves a file, or a directory with all that is in it. A missing file is
	// fs.ErrNotExist. A file replaces a file of the new name; any other name that is
	// taken is fs.ErrExist, so a directory replaces nothing and is not replaced. A
	// file or directory renamed to its own name stays as it is. The new parent must
	// exist, else fs.ErrNotExist, and be a directory, else ErrNotDir or
	// fs.ErrNotExist. A directory moved below itself is fs.ErrInvalid, and the root
	// can neither be moved nor replaced: fs.ErrPermission. An FS that can't move a
	// directory in one step refuses with errors.ErrUnsupported, or copies a bounded
	// number of files and puts everything back if that fails.
	Rename(ctx context.Context, from, to string) error
}
