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

// fetchScript unpacks the other servers, except for those that are unpacked already.
//
//go:embed fetch.sh
var fetchScript string

// packages holds, by contender, the name of the server in fetchScript and the Debian
// package that has its version.
var packages = map[string]struct{ script, debian string }{
	"vsftpd":    {"vsftpd", "vsftpd"},
	"ProFTPD":   {"proftpd", "proftpd-core"},
	"Pure-FTPd": {"pure-ftpd", "pure-ftpd"},
	"pyftpdlib": {"pyftpdlib", "python3-pyftpdlib"},
}

// fetch makes sure that the contenders' programs are in dir, and returns its path. An
// empty dir is a directory in the user's cache.
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

// A version is the version of a server that was measured.
type version struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// versions returns the versions of the contenders, whose packages are below daemons. The
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

// changelogHead matches the first line of a Debian changelog, and the version in it.
var changelogHead = regexp.MustCompile(`^\S+ \((?:\d+:)?([^)]+)\)`)

// packaged returns the version in the changelog of an unpacked package, empty if there is
// none.
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
