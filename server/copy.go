package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// COMB <target> <source>...: draft-peterson-streamlined-ftp-command-extensions,
// section 3, as Serv-U and CuteFTP know it: the sources are added to the end of
// the target in that order, and removed when it is safe.
func (s *session) cmdComb(ctx context.Context, arg string) (wire.Reply, error) {
	names, err := wire.ParseNames(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	if len(names) < 2 {
		return wire.Reply{}, errUsage
	}
	for i := range names {
		if names[i], err = s.fileName(ctx, names[i]); err != nil {
			return wire.Reply{}, err
		}
	}
	kept := 0
	err = s.copying("COMB", names[0], names[1:], func(t *transfer) (err error) {
		kept, err = t.combine(s.files, names[0], names[1:])
		return err
	})
	switch {
	case err != nil:
		return wire.Reply{}, err
	case kept > 0:
		return okf(250, "Combined; %d of the sources could not be removed.", kept)
	}
	return ok(250, "Combined.")
}

// combine appends the sources to the target and then removes them. It returns how
// many it could not remove. It changes no source until the target is committed and,
// if the driver can do so (StoreOptions.Whole), on the disk.
func (t *transfer) combine(files driver.FS, target string, sources []string) (kept int, err error) {
	var (
		infos []fs.FileInfo
		seen  distinct
		size  int64
	)
	if info, err := files.Stat(t.ctx, target); err == nil {
		seen.add(target, info)
	} else if errors.Is(err, fs.ErrNotExist) {
		seen.add(target, nil)
	} else {
		return 0, err
	}
	for _, name := range sources {
		info, err := files.Stat(t.ctx, name)
		if err == nil && info.IsDir() {
			err = driver.ErrIsDir
		}
		if err == nil && !seen.add(name, info) {
			err = errSameFile
		}
		if err != nil {
			return 0, err
		}
		infos = append(infos, info)
		size += info.Size()
	}
	err = t.keep(files, target, driver.StoreOptions{Append: true, Size: size, Whole: true}, func(up io.Writer) error {
		for _, name := range sources {
			if err := t.copyFile(up, files, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, name := range sources {
		// RemoveSame keeps a source that somebody has changed meanwhile, since the
		// change is not in the target.
		err := driver.RemoveSame(t.ctx, files, name, infos[i])
		if _, ok := closing(err); ok {
			return kept, err
		}
		if err != nil {
			kept++
		}
	}
	return kept, nil
}

var errSameFile = &driver.Error{Code: 553, Text: "The names are those of one file."}

// distinct are files that must not be the same under two names.
type distinct struct{ names, ids []string }

// add adds a file, and reports whether it is another than those before. info may be
// nil.
func (d *distinct) add(name string, info fs.FileInfo) bool {
	for _, known := range d.names {
		if known == name {
			return false
		}
	}
	d.names = append(d.names, name)
	file, ok := info.(driver.FileID)
	if !ok || file.ID() == "" {
		return true
	}
	for _, known := range d.ids {
		if known == file.ID() {
			return false
		}
	}
	d.ids = append(d.ids, file.ID())
	return true
}

// copyFile adds all of a file to what is being stored.
func (t *transfer) copyFile(to io.Writer, files driver.FS, name string) (err error) {
	file, err := files.Open(t.ctx, name, 0)
	if err != nil {
		return err
	}
	defer t.closeSource(file, &err)
	return t.copyBytes(to, file)
}

// keep stores what fill writes, whole or not at all.
func (t *transfer) keep(files driver.FS, name string, opts driver.StoreOptions, fill func(io.Writer) error) (err error) {
	up, err := files.Store(t.ctx, name, opts)
	if err != nil {
		return err
	}
	cause := errors.New("server: panic while copying")
	defer func() {
		if e := up.Close(cause); err == nil {
			err = e
		}
	}()
	if cause = fill(up); cause != nil {
		return cause
	}
	if t.ctx.Err() != nil {
		cause = context.Cause(t.ctx)
		return cause
	}
	t.allMoved()
	cause = up.Commit()
	return cause
}

// SITE CPFR <file>: as in ProFTPD; SITE CPTO must follow at once.
func (s *session) siteCpfr(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err == nil && info.IsDir() {
		err = driver.ErrIsDir
	}
	if err != nil {
		return wire.Reply{}, err
	}
	s.source = name
	return ok(350, "Send SITE CPTO with the name of the copy.")
}

// SITE CPTO <file>: both names are resolved as the names of RETR and STOR are, and
// lead nowhere else (CVE-2015-3306).
func (s *session) siteCpto(ctx context.Context, arg string) (wire.Reply, error) {
	from := s.source
	to, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	err = s.copying("SITE CPTO", to, []string{from}, func(t *transfer) error {
		info, err := s.files.Stat(t.ctx, from)
		if err != nil {
			return err
		}
		var seen distinct
		seen.add(from, info)
		old, err := s.files.Stat(t.ctx, to)
		if _, ok := closing(err); ok {
			return err
		}
		if err == nil && !seen.add(to, old) {
			return errSameFile // writing in place would empty the source
		}
		return t.keep(s.files, to, driver.StoreOptions{Size: info.Size(), Whole: true}, func(up io.Writer) error {
			return t.copyFile(up, s.files, from)
		})
	})
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(250, "Copied.")
}

// copyBytes copies a file within the server. ABOR and the end of the session stop it.
func (t *transfer) copyBytes(to io.Writer, from io.Reader) error {
	buf := buffers.take()
	defer buffers.give(buf)
	place := t.session.srv.fair.take(t.ctx, &t.session.spent)
	defer place.give()
	for {
		place.breathe()
		if t.ctx.Err() != nil {
			return context.Cause(t.ctx)
		}
		n, err := from.Read(*buf)
		if n > 0 {
			t.bytes.Add(int64(n))
			if _, err := to.Write((*buf)[:n]); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
