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
	if uid, ok := i.uid(); ok {
		return i.d.owner(uid)
	}
	return ""
}

// Group is the name of the file's group as Dir.Owners wants it.
func (i dirInfo) Group() string {
	if gid, ok := i.gid(); ok {
		return i.d.group(gid)
	}
	return ""
}

func (d *Dir) owner(uid uint32) string {
	return d.ownerText(&d.users, uid, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (d *Dir) group(gid uint32) string {
	return d.ownerText(&d.groups, gid, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func (d *Dir) ownerText(names *idNames, id uint32, lookup func(string) (string, error)) string {
	switch d.Owners {
	case OwnersHidden:
		return ""
	case OwnerNumbers:
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
