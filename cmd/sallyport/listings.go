package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"
	"time"
	_ "time/tzdata" // for hosts and images without time zones

	"github.com/sallyport/sallyport/driver"
)

// listings say what listings show and how, and what a session reads besides.
type listings struct {
	TimeZone     string // localZone for this host's
	LocalMDTM    bool
	HideDotFiles bool
	Recursive    bool
	DirMessage   string // the name of the file; empty for none
}

// localZone is the name of this host's time zone.
const localZone = "Local"

// setZone sets the time zone.
func (l *listings) setZone(name string) error {
	if strings.EqualFold(name, localZone) {
		name = localZone
	}
	if _, err := time.LoadLocation(name); err != nil {
		return fmt.Errorf("%q is no time zone; want local, UTC or one such as Europe/Berlin", name)
	}
	l.TimeZone = name
	return nil
}

// zone returns the time zone.
func (l *listings) zone() *time.Location {
	zone, err := time.LoadLocation(l.TimeZone)
	if err != nil {
		return time.UTC // setZone has found the zone, which has vanished since
	}
	return zone
}

// fileRules say how the files of a place are made and shown.
type fileRules struct {
	Owners   driver.Owners
	FileMode fs.FileMode // of new files, less the umask; 0 for 0666

	// Give has the keeper make uploads the property of another user.
	Give      bool
	GiveTo    int // the UID
	GivenMode fs.FileMode
}

// fileRulesOf returns the rules of a user's files.
func (s *settings) fileRulesOf(a *account) fileRules {
	return fileRules{Owners: s.owners, FileMode: a.FileMode.bits, Give: a.GiveTo.set, GiveTo: a.GiveTo.uid, GivenMode: a.GivenMode.orUsual()}
}

// applyTo has a directory keep to the rules, and to an umask.
func (r fileRules) applyTo(dir *driver.Dir, mask umask) {
	dir.Owners, dir.FileMode = r.Owners, r.FileMode
	if mask.set {
		dir.FileMode, dir.DirMode = cmp.Or(r.FileMode, 0o666)&^mask.bits, 0o777&^mask.bits
	}
}

// ownersWords are the values of the option owners.
var ownersWords = map[string]driver.Owners{"names": driver.OwnerNames, "numbers": driver.OwnerNumbers, "hidden": driver.OwnersHidden}

func setOwners(to *driver.Owners) func(string) error {
	return func(text string) error {
		how, ok := ownersWords[strings.ToLower(text)]
		if !ok {
			return fmt.Errorf("%q is not known; want names, numbers or hidden", text)
		}
		*to = how
		return nil
	}
}
