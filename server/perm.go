package server

import (
	"context"
	"path"
	"slices"

	"github.com/sallyport/sallyport/driver"
)

// permission is a letter of the fact "perm" (RFC 3659, section 7.5.5), with the
// commands that it stands for and what a driver is asked to do by them. No driver is
// asked about "c", "m" and "p", which are about names in a directory that are not
// known yet.
type permission struct {
	letter byte
	verbs  []string // one of these has to be switched on
	ops    []driver.Op
}

var filePermissions = []permission{
	{'a', []string{"APPE"}, []driver.Op{driver.OpStore, driver.OpReplace}},
	{'d', []string{"DELE"}, []driver.Op{driver.OpRemove}},
	{'f', []string{"RNFR"}, []driver.Op{driver.OpRename}},
	{'r', []string{"RETR"}, []driver.Op{driver.OpRead}},
	{'w', []string{"STOR"}, []driver.Op{driver.OpStore, driver.OpReplace}},
}

var dirPermissions = []permission{
	{'c', []string{"STOR", "STOU", "APPE"}, nil},
	{'d', []string{"RMD"}, []driver.Op{driver.OpRemoveDir}},
	{'e', []string{"CWD"}, nil},
	{'f', []string{"RNFR"}, []driver.Op{driver.OpRename}},
	{'l', []string{"LIST", "NLST", "MLSD"}, []driver.Op{driver.OpList}},
	{'m', []string{"MKD"}, nil},
	{'p', []string{"DELE", "RMD"}, nil},
}

// rights tells which letters of the fact perm a session does not have. Once for each
// listing, however long, rights looks up which commands are switched off.
type rights struct {
	rules           driver.OpChecker // nil for none
	fileOff, dirOff []byte
	closed          error // the error with which the driver closes the control connection
}

func (s *session) rights() *rights {
	return &rights{rules: driver.OpCheckerOf(s.files), fileOff: s.lettersOff(filePermissions), dirOff: s.lettersOff(dirPermissions)}
}

// lettersOff returns the letters whose commands are all switched off.
func (s *session) lettersOff(all []permission) []byte {
	var off []byte
	for _, p := range all {
		if !slices.ContainsFunc(p.verbs, func(verb string) bool { return !s.isOff(verb) }) {
			off = append(off, p.letter)
		}
	}
	return off
}

// deniedIn does what denied does for an entry of a directory. It makes a path only if
// there are rules to ask, because the paths of a long listing are a lot of garbage.
func (r *rights) deniedIn(ctx context.Context, dst []byte, dir, entry string, isDir bool) []byte {
	if r.rules != nil {
		entry = path.Join(dir, entry)
	}
	return r.denied(ctx, dst, entry, isDir)
}

// denied appends the letters that the session is known not to have for a name: because
// the root has to stay, the command is switched off, or the rules of the driver say
// no.
func (r *rights) denied(ctx context.Context, dst []byte, name string, dir bool) []byte {
	all, off := filePermissions, r.fileOff
	if dir {
		all, off = dirPermissions, r.dirOff
	}
	dst = append(dst, off...)
	if name == "." {
		dst = append(dst, "df"...)
	}
	if r.rules == nil {
		return dst
	}
	for _, p := range all {
		if r.refused(ctx, p.ops, name) {
			dst = append(dst, p.letter)
		}
	}
	return dst
}

func (r *rights) refused(ctx context.Context, ops []driver.Op, name string) bool {
	for _, op := range ops {
		if err := r.rules.CheckOp(ctx, op, name); err != nil {
			closes(err, &r.closed)
			return true
		}
	}
	return false
}
