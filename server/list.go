package server

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// listing is what LIST, NLST, MLSD or STAT shows: entries and how a line is
// made of one.
type listing struct {
	session *session
	flags   string // as of ls
	path    string // the argument without its flags
	dir     string // where the entries are, for links
	entries entries
	line    func(ctx context.Context, dst []byte, info fs.FileInfo) []byte
	names   bool    // the form shows names only
	prefix  string  // of such names
	rights  *rights // for a form that shows what the session may do
	whole   bool    // the argument named the directory itself
	place   *place  // held while entries compute; nil otherwise
	closed  error   // the error with which the driver closes the control connection
}

// apart runs wait, which waits for the client. Meanwhile the session leaves its place
// to others.
func (l *listing) apart(wait func() error) error {
	if l.place != nil {
		l.place.give()
		defer l.place.take()
	}
	return wait()
}

// show has form make each line, of all that is known of an entry, the target of a link
// included.
func (l *listing) show(form func(dst []byte, e *wire.Entry) []byte) {
	var e wire.Entry
	var denied []byte
	l.line = func(ctx context.Context, dst []byte, info fs.FileInfo) []byte {
		fillEntry(&e, info)
		if l.rights != nil {
			denied = l.rights.deniedIn(ctx, denied[:0], l.dir, e.Name, e.Mode.IsDir())
			e.Denied = denied
			closes(l.rights.closed, &l.closed)
		}
		if e.Mode&fs.ModeSymlink != 0 {
			target, err := driver.ReadLink(ctx, l.session.files, path.Join(l.dir, e.Name))
			closes(err, &l.closed)
			e.Target = target
		}
		return form(dst, &e)
	}
}

// LIST [<path>]: RFC 959, section 4.1.3, in the form of ls -l, which is what
// clients parse.
func (s *session) cmdList(ctx context.Context, arg string) (wire.Reply, error) {
	l, err := s.find(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	l.asLIST()
	l.recurse()
	return s.list("LIST", l)
}

// location returns the time zone of listings.
func (srv *Server) location() *time.Location {
	if srv.Location == nil {
		return time.UTC
	}
	return srv.Location
}

// asLIST makes lines as ls -l does.
func (l *listing) asLIST() {
	now := time.Now()
	where := l.session.srv.location()
	l.show(func(dst []byte, e *wire.Entry) []byte {
		e.ModTime = e.ModTime.In(where)
		return wire.AppendLIST(dst, e, now)
	})
}

// NLST [<path>]: RFC 959, section 4.1.3: names only, which RETR takes as they are (RFC
// 1123, section 4.1.2.7). Names in another directory come with the path that the
// client gave.
func (s *session) cmdNlst(ctx context.Context, arg string) (wire.Reply, error) {
	l, err := s.find(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	l.names = true
	l.prefix = l.way()
	l.line = func(_ context.Context, dst []byte, info fs.FileInfo) []byte {
		return wire.AppendNLST(dst, l.prefix, info.Name())
	}
	l.recurse()
	return s.list("NLST", l)
}

// way returns the path from the working directory to the entries, in the words of the
// argument that named them.
func (l *listing) way() string {
	switch {
	case l.dir == l.session.cwd:
		return ""
	case !l.whole:
		return l.path[:strings.LastIndexByte(l.path, '/')+1]
	case strings.HasSuffix(l.path, "/"):
		return l.path
	}
	return l.path + "/"
}

// MLSD [<directory>]: RFC 3659, section 7. The argument is a path and nothing
// else: no flags, no patterns.
func (s *session) cmdMlsd(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.name(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err != nil {
		return wire.Reply{}, err
	}
	if !info.IsDir() { // RFC 3659, section 7.2.1, wants 501
		return ok(501, "MLSD needs a directory; use MLST for a file.")
	}
	facts := s.facts
	l := &listing{session: s, dir: name, entries: s.directory(name)}
	if facts&wire.FactPerm != 0 {
		l.rights = s.rights()
	}
	l.show(func(dst []byte, e *wire.Entry) []byte { return wire.AppendMLSx(dst, e, "", e.Name, facts) })
	return s.list("MLSD", l)
}

// MLST [<path>]: RFC 3659, section 7.2: one path, on the control connection.
func (s *session) cmdMlst(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.existing(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err == nil {
		err = special(info)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	var e wire.Entry
	fillEntry(&e, info)
	if s.facts&wire.FactPerm != 0 {
		r := s.rights()
		if e.Denied = r.denied(ctx, nil, name, info.IsDir()); r.closed != nil {
			return wire.Reply{}, r.closed
		}
	}
	line := wire.AppendMLSx([]byte{' '}, &e, "", wire.Display(name), s.facts)
	return wire.Multi(250, "Listing:", string(line[:len(line)-2]), "End"), nil
}

// list sends a listing as a transfer. 150 waits for the first entry, so that a
// directory which can't be listed is refused before 150.
func (s *session) list(verb string, l *listing) (wire.Reply, error) {
	s.restart, s.until = 0, 0
	t, err := s.newTransfer(verb, l.dir)
	if err != nil {
		return wire.Reply{}, err
	}
	t.ascii = false // lines end in CRLF as they are
	t.listing = true
	w := newLister(t, l)
	defer w.end()
	if err := s.ahead(t, w.first); err != nil {
		return wire.Reply{}, err
	}
	return s.transfer(t, "Here comes the listing.", w.send)
}
