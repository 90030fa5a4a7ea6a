package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/driver"
)

// folder is a directory or a bucket that an account has besides its home. Its name in account.Folders is where clients
// see it.
type folder struct {
	Dir      string `toml:"dir"`
	Bucket   string `toml:"bucket"` // the table of the bucket
	Prefix   string `toml:"prefix"` // the directory of the bucket
	ReadOnly bool   `toml:"read-only"`
}

// root is a directory of a place, and the name by which clients see it.
type root struct {
	Name     string // "." for the home
	Dir      string
	ReadOnly bool
}

// checkFolders checks the folders that a table itself has.
func (c *accountCheck) checkFolders(table string, a *account) {
	for name, f := range inOrder(a.Folders) {
		if name == "." && f.Bucket == "" || !fs.ValidPath(name) || !driver.ValidName(name) {
			c.problem(table, strict.Key("folders", name), "%q is no name within the home; want one such as in/new, without a slash in front", name)
		}
		switch {
		case f.Bucket != "":
			c.checkBucketFolder(table, name, f)
		case f.Prefix != "":
			c.problem(table, strict.Key("folders", name, "prefix"), "it means nothing without bucket")
		case f.Dir == "":
			c.problem(table, strict.Key("folders", name, "dir"), "it is missing: say which directory the folder is, or which bucket")
		}
	}
}

// completeFolders replaces {user} in the folders of a user, which may be those of the user's group.
func (c *accountCheck) completeFolders(table, user string, a *account) {
	a.Folders = maps.Clone(a.Folders)
	for name, f := range inOrder(a.Folders) {
		dir, err := homeOf(f.Dir, user)
		c.add(table, strict.Key("folders", name, "dir"), err)
		prefix, err := bucketPrefix(f.Prefix, user)
		c.add(table, strict.Key("folders", name, "prefix"), err)
		f.Dir, f.Prefix = dir, prefix
		a.Folders[name] = f
	}
	if _, twice := a.Folders["."]; twice && a.Home != "" {
		c.problem(table, strict.Key("folders", "."), "the home %s has this name already; leave one of the two", a.Home)
	}
}

// needsDir reports whether the home of a user or a folder is the directory that is served, or below it.
func needsDir(a account) bool {
	if !a.homeless() && !filepath.IsAbs(a.Home) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(a.Folders)), func(f folder) bool { return f.Dir != "" && !filepath.IsAbs(f.Dir) })
}

// homeless reports whether an account has folders and nothing else. Its root has only what leads to them, and can't be
// changed.
func (a *account) homeless() bool { return a.Home == "" && len(a.Folders) > 0 }

// hasRoot reports whether a folder takes the place of the home.
func (a *account) hasRoot() bool {
	_, ok := a.Folders["."]
	return ok
}

// dirOf returns the directory that the path of a home or a folder means: relative paths are below the directory that
// is served.
func (s *settings) dirOf(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.dir, path)
}

// foldersOf returns the folders of an account that are directories as JSON, a text that places can be compared by;
// empty for none.
func (s *settings) foldersOf(a *account) string {
	var all []root
	for name, f := range inOrder(a.Folders) {
		if f.Bucket == "" {
			all = append(all, root{name, s.dirOf(f.Dir), f.ReadOnly})
		}
	}
	if len(all) == 0 {
		return ""
	}
	return jsonText(all)
}

// roots returns the directories of a place, the home first if there is one.
func (p place) roots() (all []root) {
	if p.dir != "" {
		all = append(all, root{Name: ".", Dir: p.dir})
	}
	if p.folders == "" {
		return all
	}
	var folders []root
	if err := json.Unmarshal([]byte(p.folders), &folders); err != nil {
		panic(err) // foldersOf has written it
	}
	return append(all, folders...)
}

// only returns the place of one root alone. The quota is that of the home.
func (p place) only(r root) place {
	p.dir, p.folders, p.buckets = r.Dir, "", ""
	if r.Name != "." {
		p.home = ""
	}
	if r.Name != "." {
		p.quota = quota{}
	}
	return p
}

// folderDirs returns the directories of a place besides the home.
func (p place) folderDirs() (all []string) {
	for _, r := range p.roots() {
		if r.Name != "." {
			all = append(all, r.Dir)
		}
	}
	return all
}

// checkRoots returns what is wrong between the home and the folders of an account: a directory that is there twice, a
// folder whose files the quota of the home would miss, and uploads that no program can look at.
func (s *settings) checkRoots(a *account) error {
	at := s.place(a)
	names := map[string]string{}
	var errs []error
	if a.homeless() && at.quota.set {
		errs = append(errs, fmt.Errorf("%s: quota: it holds for the home, and there are only folders; give the user a home, or leave the quota out", cmp.Or(a.from["quota"], a.from[""], "the account")))
	}
	for _, r := range at.roots() {
		switch other, twice := names[r.Dir]; {
		case twice:
			errs = append(errs, s.wrongFolder(a, r.Name, "%s is %s, too; leave one of the two", r.Dir, inWords(other)))
		case r.Name != "." && at.dir != "" && at.quota.set && !r.ReadOnly && (within(at.dir, r.Dir) || within(r.Dir, at.dir)):
			errs = append(errs, s.wrongFolder(a, r.Name, "%s and the home %s have files in common, so the quota would miss what is stored; make the folder read-only, or leave the quota out", r.Dir, at.dir))
		}
		names[r.Dir] = r.Name
	}
	for name, f := range inOrder(a.Folders) {
		if f.Bucket != "" && !f.ReadOnly && at.check != "" {
			errs = append(errs, s.wrongFolder(a, name, "check-program can't look at what goes to a bucket; make the folder read-only, or have no program for this user: check-program = []"))
		}
	}
	return errors.Join(errs...)
}

// inWords returns a root's name in words.
func inWords(name string) string {
	if name == "." {
		return "the home"
	}
	return fmt.Sprintf("the folder %q", name)
}

// wrongFolder returns an error of a folder, with its place.
func (s *settings) wrongFolder(a *account, name, format string, args ...any) error {
	key := strict.Key("folders", name)
	text := key + ": " + fmt.Sprintf(format, args...)
	if at := a.placeOf(key); at != "" {
		text = at + ": " + text
	}
	return errors.New(text)
}

// placeOf returns where a folder was set, or the account; empty if that is not known.
func (a *account) placeOf(key string) string {
	for _, key := range []string{key, "folders", ""} {
		if at := a.from[key]; at != "" {
			return at
		}
	}
	return ""
}

// tree returns the files of an account's roots as one tree.
func tree(roots map[string]driver.FS) (driver.FS, error) {
	if home, ok := roots["."]; ok && len(roots) == 1 {
		return home, nil
	}
	files, err := driver.Mount(roots)
	if err != nil {
		return nil, err
	}
	return files, nil
}
