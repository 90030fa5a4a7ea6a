package driver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// tempPrefix begins the name of a file that holds an upload before Commit. Clients can
// neither see nor use such names.
const tempPrefix = ".sallyport-"

// tempName returns a fresh name for an upload. Its length doesn't depend on that of
// the file's name, which may be the longest that the file system takes.
func tempName() string { return tempPrefix + strings.ToLower(rand.Text()) }

// reserved reports whether an element of a path begins with tempPrefix. Case is
// ignored because some file systems ignore it.
func reserved(element string) bool {
	return len(element) >= len(tempPrefix) && element[0] == tempPrefix[0] && strings.EqualFold(element[:len(tempPrefix)], tempPrefix)
}

// ValidName reports whether name is one that an FS may be asked for: [fs.ValidPath]
// without its rule that names are UTF-8. A name has no slash in front and none at its
// end, no empty element and none that is "." or ".."; the root is ".". An FS that
// takes names which are not UTF-8 is a [RawNamer].
func ValidName(name string) bool {
	if name == "." {
		return true
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// valid returns fs.ErrInvalid for a name that doesn't obey ValidName.
func valid(op, name string) error {
	if !ValidName(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}

// local turns a name into what package os takes. It refuses names that reach
// temporary files and names that mean something else to the system: on Windows
// backslash, colon and device names (SECURITY: "COM1", "a\..\..\b").
func local(op, name string) (string, error) {
	if err := valid(op, name); err != nil {
		return "", err
	}
	for element := range strings.SplitSeq(name, "/") {
		if reserved(element) {
			return "", &fs.PathError{Op: op, Path: name, Err: ErrName}
		}
	}
	p, err := localize(name)
	if err != nil {
		return "", &fs.PathError{Op: op, Path: name, Err: ErrName}
	}
	return p, nil
}

// localize turns a valid name into one of the system as filepath.Localize does, which
// takes UTF-8 only. Where names are bytes to the system, a name without NUL stays as
// it is.
func localize(name string) (string, error) {
	if rawNames && strings.IndexByte(name, 0) < 0 {
		return name, nil
	}
	return filepath.Localize(name)
}

// within returns an error unless the target of a link at name, which is relative to
// the link's directory, stays in the tree.
func within(name, target string) error {
	t := filepath.ToSlash(target)
	if path.IsAbs(t) || filepath.IsAbs(target) || filepath.VolumeName(target) != "" ||
		!ValidName(path.Join(path.Dir(name), t)) {
		return &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrPermission}
	}
	return nil
}

// relative returns the text of a link in the directory from that leads to the name to;
// both count from the root.
func relative(from, to string) string {
	f, t := elements(from), elements(to)
	n := 0
	for n < len(f) && n < len(t) && f[n] == t[n] {
		n++
	}
	up := strings.Repeat("../", len(f)-n)
	rel := strings.TrimSuffix(up+strings.Join(t[n:], "/"), "/")
	if rel == "" {
		return "."
	}
	return rel
}

// elements splits a name; the root has none.
func elements(name string) []string {
	if name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// below reports whether name is dir or something in it.
func below(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// renames makes the checks on names that every Rename begins with.
func renames(from, to string) error {
	if err := errors.Join(valid("rename", from), valid("rename", to)); err != nil {
		return err
	}
	if from == "." || to == "." {
		return &fs.PathError{Op: "rename", Path: ".", Err: fs.ErrPermission}
	}
	if from != to && below(to, from) {
		return &fs.PathError{Op: "rename", Path: from, Err: fmt.Errorf("into itself: %w", fs.ErrInvalid)}
	}
	return nil
}
