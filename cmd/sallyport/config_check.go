package main

import (
	"cmp"
	"context"
	"crypto/rsa"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// checked returns in words what is unwise about settings. The error is what is wrong with them, wrong included, which
// is what reading them has shown.
func checked(ctx context.Context, s *settings, wrong error) (string, error) {
	c := inspect(ctx, s)
	if err := c.joinedTo(wrong); err != nil {
		return "", &usageError{"config", joined.Errors(err)}
	}
	var b strings.Builder
	for _, text := range c.unwise {
		fmt.Fprintf(&b, "unwise: %s\n", text)
	}
	for _, text := range c.notes {
		fmt.Fprintf(&b, "note: %s\n", text)
	}
	b.WriteString("nothing is wrong with " + cmp.Or(strings.Join(s.files, ", "), "the options") + "\n")
	return b.String(), nil
}

// inspect looks at everything that settings name on this host, for what is wrong and for what is unwise.
func inspect(ctx context.Context, s *settings) *inspection {
	c := &inspection{settings: s, own: s.ownedByRunning(ctx), trial: true}
	c.examine(ctx)
	c.lookAtCertificate(time.Now())
	c.lookAtRights()
	c.lookAtHomes()
	c.lookAtChoices()
	c.lookAtSources()
	c.lookAtSystemUsers()
	c.lookAtPAM()
	c.lookAtBuckets(ctx)
	c.lookAtAnnounced(ctx)
	c.lookAtLogs()
	c.lookAtBans()
	return c
}

func (c *inspection) warn(format string, args ...any) {
	c.unwise = append(c.unwise, fmt.Sprintf(format, args...))
}

// soon is how long before its expiry a certificate should have been renewed.
const soon = 20 * 24 * time.Hour

// lookAtCertificate warns of a certificate that clients can't know, that ends soon, or that is weak.
func (c *inspection) lookAtCertificate(now time.Time) {
	if c.cert == "" {
		if shown := c.implicit != "" || !slices.ContainsFunc(c.disabled, func(name string) bool { return strings.EqualFold(name, "AUTH") }); shown {
			c.warn("%s is not set: a certificate is made for each run, and clients can't know it", c.at("cert"))
		}
		return
	}
	config, err := c.ownConfig(slog.New(slog.DiscardHandler))
	if err != nil {
		return // examine has reported it
	}
	leaf := (&certificate{config: config}).leaf()
	if leaf == nil {
		return
	}
	if leaf.NotAfter.Sub(now) < soon {
		c.warn("%s: the certificate ends on %s; renew it", c.at("cert"), leaf.NotAfter.Format(time.DateOnly))
	}
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		c.warn("%s: the key is RSA of %d bits, which many clients refuse; want 2048 at least", c.at("cert"), key.N.BitLen())
	}
}

// lookAtRights warns of secret files that others may read or change.
func (c *inspection) lookAtRights() {
	if c.key != "" {
		c.rights(c.at("key")+": "+c.key, c.key, 0o007)
	}
	if c.usersFile != "" {
		c.rights(c.at("users-file")+": "+c.usersFile, c.usersFile, 0o006)
	}
	if c.usersDir != "" {
		c.rights(c.at("users-dir")+": "+c.usersDir, c.usersDir, 0o002)
		files, _ := c.usersInDir() // errors were reported when the settings were read
		for _, file := range files {
			c.rights(file, file, 0o006)
		}
	}
	for _, name := range c.files {
		mode := fs.FileMode(0o002)
		if len(c.accounts) > 0 {
			mode = 0o006
		}
		c.rights(name, name, mode)
	}
}

// rights warns of a file for which every user of this host has one of the rights in mode.
func (c *inspection) rights(what, file string, mode fs.FileMode) {
	info, err := os.Stat(file)
	if err != nil || os.PathSeparator == '\\' {
		return
	}
	switch open := info.Mode().Perm() & mode; {
	case open&0o002 != 0:
		c.warn("%s: every user of this host can change it; chmod o= %s", what, shell(file))
	case open != 0:
		c.warn("%s: every user of this host can read it; chmod o= %s", what, shell(file))
	}
}

// lookAtHomes warns of what is wrong with the homes and folders of users.
func (c *inspection) lookAtHomes() {
	looked := map[string]bool{}
	for name, a := range inOrder(c.tables()) {
		if a.HostLogin && !c.asHosted(name, &a) {
			continue
		}
		at := c.place(&a)
		for _, r := range at.roots() {
			from := cmp.Or(a.from["home"], c.at("dir"))
			if r.Name != "." {
				from = a.placeOf(strict.Key("folders", r.Name))
			}
			if why := forgets(r.Dir); why != "" && !a.ReadOnly && !r.ReadOnly && !looked[r.Dir] {
				c.warn("%s: a crash of this host can take files of %s that clients were told are stored: %s", from, r.Dir, why)
			}
			looked[r.Dir] = true
			if at.as != "" {
				c.lookAtRightsFor(name, &a, at.only(r), from)
			} else if err := openable(r.Dir); (a.Home != "" || r.Name != ".") && err != nil {
				c.warn("%s: user %s can't log in: %v", from, name, err)
			}
		}
	}
}

// lookAtRightsFor checks that the system user of an account can open a directory of the account.
func (c *inspection) lookAtRightsFor(name string, a *account, at place, from string) {
	open := func() error { return openable(at.dir) }
	if os.Geteuid() != 0 {
		c.notes = append(c.notes, fmt.Sprintf("%s: whether system-user %s gets into %s can be seen by root only", from, at.as, at.dir))
		return
	}
	as, err := c.rightsOf(a, at)
	if err == nil {
		err = as.try(open)
	}
	if err != nil {
		c.warn("%s: user %s can't log in, for system-user %s doesn't get in: %v", from, name, at.as, err)
	}
}

// openable returns why the server couldn't open a directory.
func openable(dir string) error {
	files, err := driver.OpenDir(dir)
	if err != nil {
		return err
	}
	return files.Close()
}

// lookAtChoices warns of options that give up security or durability.
func (c *inspection) lookAtChoices() {
	if c.runAs == "" && runtime.GOOS == "linux" && os.Geteuid() == 0 {
		c.warn("%s is not set: started by root, one process has all rights, and clients talk to it; docs/operating.md says how to split it", c.at("run-as"))
	}
	if c.runAs != "" && c.sandbox == sandboxOff {
		c.warn("%s: a process that is taken over can do whatever its user may", c.at("sandbox"))
	}
	if c.plaintext && !slices.Contains(c.said, "insecure-plaintext") {
		c.warn("%s: anybody on the way can read passwords and files", c.at("insecure-plaintext"))
	}
	if c.reuse == tls.Off {
		c.warn("%s: whoever connects first from the address of a client gets its data", c.at("session-reuse"))
	}
	if c.nobody() {
		c.warn("there is no user: one is made for each run")
	}
	for name, from := range inOrder(c.sources) {
		text := strings.Join(from.values, "")
		if name != "user" && name != "greeting" && strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			c.warn("%s: %+q has characters that nobody can see", c.at(name), text)
		}
	}
	now := time.Now()
	for name, a := range inOrder(c.everybody()) {
		if !a.Expires.IsZero() && !now.Before(a.Expires.Time) {
			c.warn("%s: user %s has expired", a.from["expires"], name)
		}
	}
}

// lookAtSources warns of sources of users.
func (c *inspection) lookAtSources() {
	c.unwise = append(c.unwise, c.hidden...)
	if c.anonymous != nil && !c.anonymous.ReadOnly {
		c.warn("%s: everybody can store files and remove them", c.anonymous.from["read-only"])
	}
	if c.authURLClear {
		c.warn("%s: anybody on the way to %s can read passwords", c.at("insecure-auth-url"), c.endpoint())
	}
	if len(c.authProgram) > 0 {
		c.rights(c.at("auth-program")+": "+c.authProgram[0], c.authProgram[0], 0o002)
		if os.Geteuid() == 0 && c.authProgramUser == "root" {
			c.warn("%s: the program runs as root with names that anybody may send", c.at("auth-program-user"))
		}
	}
}

// lookAtAnnounced warns of an announced address that clients may not reach.
func (c *inspection) lookAtAnnounced(ctx context.Context) {
	if c.announce == "" {
		return
	}
	rules, err := passive.ParseRules(c.announce)
	if err != nil {
		return // check has reported the error
	}
	for _, r := range rules {
		told, ok := r.Announce.(fmt.Stringer)
		if !ok || r.Clients.IsValid() {
			continue
		}
		if a, err := netip.ParseAddr(told.String()); err == nil && passive.Private(a) {
			c.warn("%s: %s is a private address, which clients elsewhere can't reach", c.at("announce"), a)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := rules.Check(ctx); err != nil {
		c.warn("%s: %v", c.at("announce"), err)
	}
}
