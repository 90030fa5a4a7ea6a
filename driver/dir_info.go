package driver

import (
	"io/fs"
	"os/user"
	"strconv"
	"sync"
)

// dirInfo is what the system knows about a file. It implements FileOwner and
// FileID.
type dirInfo struct {
	fs.FileInfo
	d *Dir
}

// ID is the system's number of the file, empty where it has none.
func (i dirInfo) ID() string { return sysID(i.FileInfo) }

// Owner is the name of the file's owner as Dir.Owners wants it.
func (i dirInfo) Owner() string {
	uid, ok := i.uid()
	return i.d.ownerText(&i.d.users, uid, ok, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

// Group is the name of the file's group as Dir.Owners wants it.
func (i dirInfo) Group() string {
	gid, ok := i.gid()
	return i.d.ownerText(&i.d.groups, gid, ok, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func (d *Dir) ownerText(names *idNames, id uint32, ok bool, lookup func(string) (string, error)) string {
	switch {
	case !ok || d.Owners == OwnersHidden:
		return ""
	case d.Owners == OwnerNumbers:
		return strconv.FormatUint(uint64(id), 10)
	}
	return names.name(id, lookup)
}

// idNames remembers the names of users or groups: a look-up reads a file or asks
// a directory service, and a listing needs one for each entry.
type idNames struct{ m sync.Map }

func (n *idNames) name(id uint32, lookup func(string) (string, error)) string {
	if s, ok := n.m.Load(id); ok {
		return s.(string)
	}
	s := strconv.FormatUint(uint64(id), 10)
	if name, err := lookup(s); err == nil && name != "" {
		s = name
	}
	n.m.Store(id, s)
	return s
}
