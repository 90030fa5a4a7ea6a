package vsftpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Usual are the files that vsftpd reads if none is named: Debian's and Red Hat's. The first that is there is read.
var Usual = []string{"/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"}

// Read reads the arguments of a command line of vsftpd, which are files and -ooption=value, from left to right. What
// comes later counts. Without a file the usual one is read after all arguments, as vsftpd does.
func (c *Config) Read(args []string) {
	named := false
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-o"):
			c.setting(arg[2:], Place{File: arg})
		case strings.HasPrefix(arg, "-"):
			c.mistake("unrecognise option: "+arg, Place{}, "vsftpd takes files, -ooption=value and -v")
		default:
			named = true
			c.file(arg)
		}
	}
	if !named {
		c.usual()
	}
}

// usual reads the first usual file that is there. A setting of the command line that the file changes gets a note.
func (c *Config) usual() {
	given := c.set
	for _, name := range Usual {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.set = map[string]setting{}
		c.file(name)
		for _, option := range slices.Sorted(maps.Keys(given)) {
			s := given[option]
			if over, ok := c.set[option]; !ok {
				c.set[option] = s
			} else if over.value != s.value {
				c.note(s.place, "%s is read after it and says otherwise; name the file before the option", over.place)
			}
		}
		return
	}
}

// maxFile is how much of a file vsftpd reads, in bytes.
const maxFile = 100_000

// file reads a file.
func (c *Config) file(name string) {
	c.fileBy(ReadFile, name)
}

// fileBy reads a file by a function like ReadFile.
func (c *Config) fileBy(read func(name string, anyOwner bool) (string, error), name string) {
	text, err := read(name, c.AnyOwner)
	if m, ok := errors.AsType[*Mistake](err); ok {
		c.Mistakes = append(c.Mistakes, m)
		return
	}
	if err != nil {
		c.mistake("cannot read config file: "+name, Place{}, "%v", err)
		return
	}
	c.Parse(name, text)
}

// ReadFile returns the text of a file that vsftpd would accept, whoever owns it if anyOwner.
func ReadFile(name string, anyOwner bool) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if why := foreign(info, anyOwner); why != "" {
		return "", &Mistake{"config file not owned by correct user, or not a file", Place{}, fmt.Sprintf("%s %s", name, why)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(text) > maxFile {
		return "", fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return string(text), err
}
