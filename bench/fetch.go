package main

import (
	"bufio"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// fetchScript unpacks the other servers; it does nothing for what is there.
//
//go:embed fetch.sh
var fetchScript string

// packages say by contender what fetchScript calls the other servers, and the
// Debian package that has the server's version.
var packages = map[string]struct{ script, debian string }{
	"vsftpd":    {"vsftpd", "vsftpd"},
	"ProFTPD":   {"proftpd", "proftpd-core"},
	"Pure-FTPd": {"pure-ftpd", "pure-ftpd"},
	"pyftpdlib": {"pyftpdlib", "python3-pyftpdlib"},
}

// fetch sees to it that the contenders' programs are in a directory, and
// returns the name of the directory. Without dir, a directory in the user's
// cache serves.
func fetch(ctx context.Context, dir string, contenders []contender, progress io.Writer) (string, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "sallyport", "ftpds")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	args := []string{"-s", dir}
	for _, c := range contenders {
		if p, ok := packages[c.name]; ok {
			args = append(args, p.script)
		}
	}
	if len(args) == 2 {
		return dir, os.MkdirAll(dir, 0o755)
	}
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(fetchScript), progress, progress
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetch the other servers into %s, which needs Debian's apt-get (-servers %s goes without): %w", dir, ours, because(ctx, err))
	}
	return dir, nil
}

// A version is which one of a server was measured.
type version struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// versions returns the versions of the contenders, whose packages are in a directory. The
// limit has none.
func versions(contenders []contender, limit, daemons string) []version {
	var all []version
	for _, c := range contenders {
		switch p, ok := packages[c.name]; {
		case c.name == limit:
		case ok:
			all = append(all, version{c.name, packaged(daemons, p.debian)})
		default:
			all = append(all, version{c.name, commit()})
		}
	}
	return all
}

// changelogHead is the first line of a Debian changelog.
var changelogHead = regexp.MustCompile(`^\S+ \((?:\d+:)?([^)]+)\)`)

// packaged returns the version of an unpacked package as its changelog tells it, or
// empty.
func packaged(dir, name string) string {
	f, err := os.Open(filepath.Join(dir, "usr/share/doc", name, "changelog.Debian.gz"))
	if err != nil {
		return ""
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return ""
	}
	line, err := bufio.NewReader(z).ReadString('\n')
	if found := changelogHead.FindStringSubmatch(line); err == nil && found != nil {
		return found[1]
	}
	return ""
}
