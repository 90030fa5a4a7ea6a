package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxPath is the longest path a client may name, as PATH_MAX on Linux.
const maxPath = 4096

// Resolve applies a path of the client's to its working directory. cwd and the
// result obey fs.ValidPath: no slash in front, "." for the root. An absolute
// arg replaces cwd, an empty one is cwd; ".." goes up and stays at the root, as
// it does on the systems clients know; doubled slashes, "." and a trailing
// slash are cleaned away. RFC 959 leaves the form of paths to the server. A
// backslash is an ordinary character, for to a driver it is one.
//
// It refuses NUL, invalid UTF-8 (RFC 2640, section 2.2) and a result longer
// than 4,096 bytes.
func Resolve(cwd, arg string) (string, error) {
	if strings.IndexByte(arg, 0) >= 0 || !utf8.ValidString(arg) {
		return "", &SyntaxError{"A path", "valid UTF-8 without NUL"}
	}
	path := make([]byte, 0, len(cwd)+1+len(arg))
	if cwd != "." && !strings.HasPrefix(arg, "/") {
		path = append(path, cwd...)
	}
	for arg != "" {
		var name string
		name, arg, _ = strings.Cut(arg, "/")
		switch name {
		case "", ".":
		case "..":
			path = path[:max(0, bytes.LastIndexByte(path, '/'))]
		default:
			if len(path) > 0 {
				path = append(path, '/')
			}
			path = append(path, name...)
		}
	}
	if len(path) > maxPath {
		return "", &SyntaxError{"A path", "4096 bytes at most"}
	}
	if len(path) == 0 {
		return ".", nil
	}
	return string(path), nil
}

// Display is how the client sees a name that [Resolve] returned: "/" for the
// root, else with a slash in front.
func Display(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}
