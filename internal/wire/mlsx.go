package wire

import (
	"bytes"
	"io/fs"
	"slices"
	"strconv"
)

// AppendMLSx appends e as one line of MLST or MLSD with CRLF, RFC 3659, section
// 7.2: the facts in f, each with a semicolon, a space, and display as the name.
//
//	type=file;size=5;modify=20060102150405;perm=adfrw; name
//
// kind overrides the type, for "cdir" and "pdir"; empty derives it from the mode.
// Section 7.5.1.2: such entries are to be left out of a listing without FactType,
// where nothing would tell them from the rest.
//
// A fact that is unknown is left out, as is the size of a directory, FIFO, socket or
// device, which means nothing to a client. In a reply to MLST the caller writes the
// one space in front and drops the CRLF.
//
// The name is cleaned as by [AppendLIST]. Values never hold a space or a
// semicolon, since clients look for the first of these.
func AppendMLSx(dst []byte, e *Entry, kind, display string, f Facts) []byte {
	dir := e.Mode&fs.ModeDir != 0 || kind == "cdir" || kind == "pdir"
	if f&FactType != 0 {
		dst = append(dst, "type="...)
		dst = append(appendKind(dst, e, kind), ';')
	}
	if f&FactSize != 0 && !dir && specialKind(e.Mode) == "" {
		dst = append(dst, "size="...)
		dst = append(strconv.AppendInt(dst, max(e.Size, 0), 10), ';')
	}
	if f&FactModify != 0 && !e.ModTime.IsZero() {
		dst = append(dst, "modify="...)
		dst = append(AppendTime(dst, e.ModTime), ';')
	}
	if f&FactPerm != 0 {
		dst = append(dst, "perm="...)
		start := len(dst)
		dst = appendPerm(dst, e.Mode, dir)
		dst = append(dst[:start+len(without(dst[start:], e.Denied))], ';')
	}
	if f&FactUnique != 0 {
		dst = appendFact(dst, "unique=", e.ID)
	}
	if f&FactUnixMode != 0 {
		dst = append(dst, "UNIX.mode="...)
		dst = append(appendOctal(dst, e.Mode), ';')
	}
	if f&FactUnixOwner != 0 {
		dst = appendFact(dst, "UNIX.owner=", e.Owner)
	}
	if f&FactUnixGroup != 0 {
		dst = appendFact(dst, "UNIX.group=", e.Group)
	}
	dst = append(dst, ' ')
	return append(appendName(dst, display), '\r', '\n')
}

// appendKind appends the value of the fact "type". A link to a target that a value can
// hold is "OS.unix=slink:target", as in RFC 3659, section 7.7.4; else
// "OS.unix=symlink", which erratum 1500 prefers and clients know too. A FIFO, socket
// or device can't be transferred and so is no "file" (section 7.5.1.5).
func appendKind(dst []byte, e *Entry, kind string) []byte {
	switch {
	case kind != "":
		return append(dst, kind...)
	case e.Mode&fs.ModeDir != 0:
		return append(dst, "dir"...)
	case specialKind(e.Mode) != "":
		return append(append(dst, "OS.unix="...), specialKind(e.Mode)...)
	case e.Mode&fs.ModeSymlink == 0:
		return append(dst, "file"...)
	}
	for i := range len(e.Target) {
		if !isValue(e.Target[i]) {
			return append(dst, "OS.unix=symlink"...)
		}
	}
	if e.Target == "" {
		return append(dst, "OS.unix=symlink"...)
	}
	return append(append(dst, "OS.unix=slink:"...), e.Target...)
}

// specialKind names what is neither a file nor a directory nor a link, empty for
// these.
func specialKind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "fifo"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return ""
}

// appendPerm appends what section 7.5.5 lets a client try. It is a hint, and the reply
// to the command decides: only the driver knows which of the three sets of permission
// bits counts, so a bit in any of them will do. What is known to be refused is in
// [Entry.Denied].
func appendPerm(dst []byte, mode fs.FileMode, dir bool) []byte {
	read, write := mode&0o444 != 0, mode&0o222 != 0
	switch {
	case specialKind(mode) != "":
		return append(dst, "df"...) // it may be removed and renamed
	case dir && read && write:
		return append(dst, "flcdmpe"...)
	case dir && write:
		return append(dst, "fcdmpe"...)
	case dir && read:
		return append(dst, "le"...)
	case dir && mode&0o111 != 0:
		return append(dst, 'e')
	case dir:
		return dst
	case read && write:
		return append(dst, "adfrw"...)
	case write:
		return append(dst, "adfw"...)
	case read:
		return append(dst, 'r')
	}
	return dst
}

// without removes bytes from a slice in place.
func without(letters, remove []byte) []byte {
	if len(remove) == 0 {
		return letters
	}
	return slices.DeleteFunc(letters, func(c byte) bool { return bytes.IndexByte(remove, c) >= 0 })
}

// appendOctal appends the mode in four octal digits as chmod takes it.
func appendOctal(dst []byte, mode fs.FileMode) []byte {
	special := byte('0')
	if mode&fs.ModeSetuid != 0 {
		special += 4
	}
	if mode&fs.ModeSetgid != 0 {
		special += 2
	}
	if mode&fs.ModeSticky != 0 {
		special++
	}
	return append(dst, special, byte('0'+mode>>6&7), byte('0'+mode>>3&7), byte('0'+mode&7))
}

// appendFact appends a fact unless its value is empty; what no value may hold
// becomes '_'.
func appendFact(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	for i := range len(value) {
		c := value[i]
		if !isValue(c) {
			c = '_'
		}
		dst = append(dst, c)
	}
	return append(dst, ';')
}

// isValue reports whether c may be part of a value: the SCHAR of RFC 3659, section 2.1
// with a little more of ASCII that no parser trips over.
func isValue(c byte) bool { return ' ' < c && c < 0x7f && c != ';' }
