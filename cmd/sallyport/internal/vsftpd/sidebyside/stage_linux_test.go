package sidebyside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

// Stage is a host in a directory: what a daemon sees in place of this machine. It has the programs of this machine,
// and users, homes and files of its own.

// passwd has the users of the files: those that log in, those whose rights guests have, and nobody.
var passwd = []struct {
	name string
	uid  int
	home string
}{
	{"root", 0, "/root"}, {"nobody", 65534, "/nonexistent"}, {"ftp", 2001, "/var/lib/ftp"}, {"alice", 2002, "/home/alice"}, {"carol", 2003, "/home/carol"},
	{"mallory", 2004, "/home/mallory"}, {"virtual", 2005, "/home/virtual"}, {"apache", 2006, "/var/lib/www"}, {"ftpuser", 2007, "/home/ftpuser"},
}

// uidOf returns the UID of a user of the stage.
func uidOf(name string) int {
	for _, u := range passwd {
		if u.name == name {
			return u.uid
		}
	}
	return 0
}

// services are the PAM services that the files name.
var services = []string{"vsftpd", "vsftpd_virtual", "vsftpd.virtual", "ftp", "other"}

// lent are the directories of this machine that the stage has, too.
var lent = []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/bin", "/sbin", "/lib", "/lib64", "/dev", "/sys"}

// buildStage makes dir the root directory of this process, which has namespaces of its own. Files of this machine
// that the process needs are below each of keep.
func buildStage(dir, hash string, keep ...string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	if err := syscall.Mount("stage", dir, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, from := range append(lent, keep...) {
		if info, err := os.Stat(from); err != nil || !info.IsDir() {
			continue
		}
		if err := os.MkdirAll(dir+from, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(from, dir+from, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s: %w", from, err)
		}
	}
	for _, d := range []string{"etc/pam.d", "proc", "root", "run", "var/run/vsftpd/empty", "var/log/vsftpd", "var/log/geoul/ftpd", "usr/share/empty", "var/lib", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	tmp := filepath.Join(dir, "tmp")
	if err := errors.Join(os.MkdirAll(tmp, 0o755), os.Chmod(tmp, 0o777|fs.ModeSticky)); err != nil {
		return err
	}
	if err := syscall.Chroot(dir); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	return populate(hash)
}

// populate writes what /etc has.
func populate(hash string) error {
	files := map[string]string{"/etc/localtime": zone, "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n", "/etc/shells": "/bin/sh\n", "/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"}
	for _, u := range passwd {
		files["/etc/passwd"] += fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", u.name, u.uid, u.uid, u.home)
		files["/etc/shadow"] += fmt.Sprintf("%s:%s:19999:0:99999:7:::\n", u.name, hash)
		files["/etc/group"] += fmt.Sprintf("%s:x:%d:\n", u.name, u.uid)
		if err := os.MkdirAll(u.home, 0o755); err != nil {
			return err
		}
	}
	for _, name := range services {
		files["/etc/pam.d/"+name] = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.Chmod("/etc/shadow", 0o640)
}

// zone is a time zone three hours east of UTC, in the form that tzfile(5) describes.
const zone = "TZif\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04" + // one kind of time, four bytes of names
	"\x00\x00\x2a\x30\x00\x00" + "EST\x00" // 10,800 s, no summer time

// old is when the files of a root were written.
var old = time.Date(2024, 3, 4, 5, 6, 7, 0, time.UTC)

// furnish empties a directory that users see as their home, and fills it. The directory is root's, as the home in a
// jail has to be for vsftpd; what is below upload is the user's.
func furnish(root string, uid int) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(root, e.Name())); err != nil {
			return err
		}
	}
	for _, item := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{"hello.txt", "hello\n", 0o644}, {"private.txt", "private\n", 0o600}, {"a b.txt", "a b\n", 0o644}, {".hidden", "", 0o644},
		{"pub/a.txt", "a\n", 0o644}, {"pub/b.txt", "bb\n", 0o664}, {"pub/c.log", "ccc\n", 0o640}, {"pub/sub/d.txt", "d\n", 0o444},
		{"pub/.message", "Welcome to pub.\nTwo lines.\n", 0o644}, {"pub/big.bin", "", 0o644},
		{"upload/old.txt", "old text\n", 0o644}, {"upload/crlf.txt", "one\r\ntwo\nthree\r\n", 0o644}, {"upload/full/x.txt", "x\n", 0o644}, {"upload/empty/", "", 0o755}, {"upload/with space/", "", 0o755},
	} {
		path := filepath.Join(root, item.name)
		if strings.HasSuffix(item.name, "/") {
			err = os.MkdirAll(path, item.mode)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, []byte(item.text), item.mode)
		}
		if err == nil {
			err = os.Chmod(path, item.mode)
		}
		if err != nil {
			return err
		}
	}
	if err := os.Truncate(filepath.Join(root, "pub/big.bin"), 8<<20); err != nil {
		return err
	}
	if err := os.Symlink("hello.txt", filepath.Join(root, "link.txt")); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if rel == "upload" || strings.HasPrefix(rel, "upload/") || rel == "private.txt" {
			if err := os.Lchown(path, uid, uid); err != nil {
				return err
			}
		}
		return nil
	})
}

// age gives all files of a root their time. It is the last step, since each change of a directory is one of its time.
func age(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, old, old)
	})
}

// found returns a line for each file below a root: its name, mode, owner, group, time and content.
func found(root string) string {
	var lines []string
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			lines = append(lines, err.Error())
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone meanwhile
		}
		what, rel := "", strings.TrimPrefix(path, root)
		if d.Type().IsRegular() {
			if what = fmt.Sprintf("%d bytes", info.Size()); info.Size() < 1000 {
				text, _ := os.ReadFile(path)
				what = fmt.Sprintf("%q", text)
			}
		}
		when := info.ModTime().UTC().Format(time.DateTime)
		if time.Since(info.ModTime()) < 24*time.Hour && info.ModTime().Before(time.Now().Add(24*time.Hour)) {
			when = "just now"
		}
		if d.IsDir() {
			when = "" // it changes with what is done inside, and in the listings of scripts it shows
		}
		owner := info.Sys().(*syscall.Stat_t)
		lines = append(lines, fmt.Sprintf("%s %s %d %d %s %s", rel, info.Mode(), owner.Uid, owner.Gid, when, what))
		return nil
	})
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
