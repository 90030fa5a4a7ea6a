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

// shorterInfo is a file that is being added to, with the size it had.
type shorterInfo struct {
	dirInfo
	size int64
}

// Size returns the size without what is being added.
func (i shorterInfo) Size() int64 { return i.size }

// info returns the description that look finds, as sessions may see it.
func (d *Dir) info(look func() (fs.FileInfo, error)) (info fs.FileInfo, err error) {
	err = growing.settled(func() error {
		fi, err := look()
		if err != nil {
			return err
		}
		info = d.seen(fi)
		return nil
	})
	return info, err
}

// seen returns fi as sessions may see it: with the old size if the file is being
// added to.
func (d *Dir) seen(fi fs.FileInfo) fs.FileInfo {
	if size, ok := growing.size(func() string { return sysID(fi) }); ok {
		return shorterInfo{dirInfo{fi, d}, size}
	}
	return dirInfo{fi, d}
}

// ID returns the system's number of the file, empty where it has none.
func (i dirInfo) ID() string { return sysID(i.FileInfo) }

// Owner returns the name or number of the file's owner, or nothing, as
// Dir.Owners says.
func (i dirInfo) Owner() string {
	if uid, ok := i.uid(); ok {
		return i.d.owner(uid)
	}
	return ""
}

// Group returns the name or number of the file's group, or nothing, as
// Dir.Owners says.
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
