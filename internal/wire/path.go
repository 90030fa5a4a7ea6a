package wire

import (
	"bytes"
	"slices"
	"strings"
)

// maxPath is the longest path a client may name, as PATH_MAX on Linux.
const maxPath = 4096

// maxBack is how many directories a path may enter only to leave them by "..".
// Each has to be looked up.
const maxBack = 8

// Path is a path of the client's, applied to its working directory.
type Path struct {
	// Name obeys fs.ValidPath but for UTF-8: no slash in front, "." for the
	// root.
	Name string

	// Dir says that a slash or "/." follows the last name, so that only a
	// directory can be meant (POSIX, path resolution).
	Dir bool

	// Through are the directories that the path enters only to leave them by "..",
	// likewise as names. On the systems that clients know, such a path leads
	// nowhere unless these directories exist.
	Through []string
}

// ParsePath applies a path of the client's to its working directory, which is a
// name as in [Path]. An absolute arg replaces cwd, an empty one is cwd; ".." goes
// up and stays at the root, as on the systems clients know; doubled slashes and "."
// are cleaned away. RFC 959 leaves the form of paths to the server. A backslash is
// an ordinary character, as it is to drivers.
//
// Names are bytes, UTF-8 or not. ParsePath refuses CR, LF and NUL, a result longer
// than 4,096 bytes, and a path with more than 8 different directories in Through.
func ParsePath(cwd, arg string) (Path, error) {
	if !Nameable(arg) {
		return Path{}, &SyntaxError{"A path", "bytes without CR, LF and NUL"}
	}
	path := make([]byte, 0, len(cwd)+1+len(arg))
	if cwd != "." && !strings.HasPrefix(arg, "/") {
		path = append(path, cwd...)
	}
	var p Path
	entered := false // by the last element that was not empty and not "."
	for arg != "" {
		name, rest, slash := strings.Cut(arg, "/")
		switch arg = rest; name {
		case "", ".":
		case "..":
			if back := string(path); entered && !slices.Contains(p.Through, back) {
				p.Through = append(p.Through, back)
			}
			path = path[:max(0, bytes.LastIndexByte(path, '/'))]
			entered, p.Dir = false, false
		default:
			if len(path) > 0 {
				path = append(path, '/')
			}
			path = append(path, name...)
			entered, p.Dir = true, slash
		}
	}
	switch {
	case len(path) > maxPath:
		return Path{}, &SyntaxError{"A path", "4096 bytes at most"}
	case len(p.Through) > maxBack:
		return Path{}, &SyntaxError{"A path", "fewer turns by .."}
	}
	p.Name = string(path)
	if p.Name == "" {
		p.Name = "."
	}
	return p, nil
}

// Resolve returns the Name of [ParsePath] alone.
func Resolve(cwd, arg string) (string, error) {
	p, err := ParsePath(cwd, arg)
	return p.Name, err
}

// Nameable reports whether a command can hold a name: there is no way to write CR,
// LF or NUL in a command (RFC 2640, section 3.1 knows CR NUL, and hardly any client
// does).
func Nameable(name string) bool { return plain(name) || !strings.ContainsAny(name, "\r\n\x00") }

// Display returns how the client sees a name that [ParsePath] returned: "/" for the
// root, else with a slash in front.
func Display(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}
