package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

const (
	// checkRefuses is the exit status by which a program refuses an upload. It accepts one by programAccepts; any
	// other status means that it can't tell.
	checkRefuses = 1

	defaultCheckTimeout = 30 * time.Second
	// maxCheckTimeout is short enough for a hand to answer before the hand is taken to be stuck.
	maxCheckTimeout = 90 * time.Second

	// How many programs may look at uploads at once: in all, and for one home.
	mostChecks       = 32
	mostChecksOfHome = 4
)

// uploadCheck is a program that looks at the uploads of an account before they become files, such as a virus scanner.
type uploadCheck struct {
	Argv    []string
	User    string // who runs the program; empty for the server's own user
	Timeout time.Duration
}

// checkOf returns the uploadCheck of an account as JSON, a text that places can be compared by; empty for none.
func (s *settings) checkOf(a *account) string {
	argv := s.checkProgram
	if _, own := a.from["check-program"]; own {
		argv = a.CheckProgram
	}
	if len(argv) == 0 || a.ReadOnly {
		return ""
	}
	text, err := json.Marshal(uploadCheck{argv, s.checkProgramUser, s.checkTimeout})
	if err != nil {
		panic(err) // texts and a number can always be written as JSON
	}
	return string(text)
}

// addCheckProgram adds an argument to the command line of the program. The first argument is the program itself.
func (s *settings) addCheckProgram(arg string) error {
	s.checkProgram = append(s.checkProgram, arg)
	return nil
}

// checkPrograms returns the command lines of the programs that look at uploads, by the place in options or files that
// names each.
func (s *settings) checkPrograms() map[string][]string {
	all := map[string][]string{}
	if len(s.checkProgram) > 0 {
		all[s.at("check-program")] = s.checkProgram
	}
	for name, g := range s.groups.tables {
		if at, ok := s.groups.places[strict.Key("group", name, "check-program")]; ok && len(g.CheckProgram) > 0 {
			all[at.String()+": check-program"] = g.CheckProgram
		}
	}
	for _, a := range s.tables() {
		if at, ok := a.from["check-program"]; ok && len(a.CheckProgram) > 0 {
			all[at+": check-program"] = a.CheckProgram
		}
	}
	return all
}

// checkChecks reports what is wrong with the programs that look at uploads, and with the user who runs them.
func (s *settings) checkChecks() (errs []error) {
	all := s.checkPrograms()
	for at, argv := range inOrder(all) {
		if !filepath.IsAbs(argv[0]) && !strings.HasPrefix(argv[0], "/") {
			errs = append(errs, fmt.Errorf("%s: %q is no absolute path; want one such as /usr/bin/clamdscan, and arguments apart from it", at, argv[0]))
		}
	}
	if s.checkTimeout <= 0 || s.checkTimeout > maxCheckTimeout {
		errs = append(errs, fmt.Errorf("%s: %v is not between nothing and %v", s.head("check-timeout"), s.checkTimeout, maxCheckTimeout))
	}
	if s.checkProgramUser != "" && len(all) == 0 {
		errs = append(errs, fmt.Errorf("%s says who runs a program, and check-program names none", s.at("check-program-user")))
	}
	return errs
}

// findChecks looks for the programs and their user.
func (s *settings) findChecks() error {
	all := s.checkPrograms()
	if len(all) == 0 {
		return nil
	}
	var errs []error
	for at, argv := range inOrder(all) {
		if _, err := exec.LookPath(argv[0]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, cured(err)))
		}
	}
	if s.checkProgramUser != "" {
		_, err := findProgramUser(s.checkProgramUser)
		errs = append(errs, s.told("check-program-user", err))
	} else if os.Geteuid() == 0 {
		for at := range inOrder(all) {
			errs = append(errs, fmt.Errorf("%s: serve runs as root, and the program would, too; say who is to run it by check-program-user, such as nobody, or root if it has to be", at))
		}
	}
	return errors.Join(errs...)
}

// checks runs the programs that look at uploads.
type checks struct {
	run    runner
	log    *slog.Logger
	places chan struct{}
}

func newChecks(run runner, log *slog.Logger) *checks {
	return &checks{run, log, make(chan struct{}, mostChecks)}
}

// inspected is an upload that a program is to look at.
type inspected struct {
	dir, name string
	size      int64
	file      *os.File  // holds the bytes; nil if there is no file
	stream    io.Reader // yields the bytes if file is nil
}

// errRefused is the reply to an upload that its program has refused.
var errRefused = &driver.Error{Code: 553, Text: "The file was refused: a program that checks uploads says no."}

// look has a program look at an upload. spec is the uploadCheck as [settings.checkOf] returns it, and places bounds
// the programs of the home. The error is for the client.
func (c *checks) look(ctx context.Context, spec string, places chan struct{}, u *inspected) error {
	var check uploadCheck
	if err := json.Unmarshal([]byte(spec), &check); err != nil {
		return err
	}
	out, err := c.ask(ctx, &check, places, u)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	log := c.log.With("dir", u.dir, "file", wire.Printable(u.name), "bytes", u.size, "program", check.Argv[0])
	if words := strings.TrimSpace(strings.ToValidUTF8(out.words, "?")); words != "" {
		log = log.With("text", wire.Printable(shortened(words, maxProgramWords)))
	}
	switch {
	case err == nil && out.status == programAccepts:
		return nil
	case err == nil && out.status == checkRefuses:
		log.Warn("an upload was refused by its check")
		return errRefused
	case err == nil:
		err = fmt.Errorf("exit status %d", out.status)
	}
	log.Error("an upload can't be checked", "err", wire.Printable(err.Error()))
	return &driver.Error{Code: 451, Text: "The file can't be checked just now; try again later.", Err: err}
}

// ask waits for a place and runs the program.
func (c *checks) ask(ctx context.Context, check *uploadCheck, places chan struct{}, u *inspected) (outcome, error) {
	var as *programUser
	if check.User != "" {
		var err error
		if as, err = findProgramUser(check.User); err != nil {
			return outcome{}, err
		}
	}
	until := time.Now().Add(check.Timeout)
	waiting, stop := context.WithDeadlineCause(ctx, until, errors.New("others are still being checked"))
	defer stop()
	for _, places := range []chan struct{}{places, c.places} {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-waiting.Done():
			return outcome{}, context.Cause(waiting)
		}
	}
	env := append(usualEnvironment(), "CHECK_FILE=/"+u.name, "CHECK_HOME="+u.dir, fmt.Sprint("CHECK_SIZE=", u.size))
	return c.run(ctx, as, &errand{
		argv: slices.Clone(check.Argv), env: env, file: u.file, stream: u.stream, patience: time.Until(until), maxWords: maxProgramWords,
	})
}

// inspect returns the function by which this process itself has uploads to a place looked at.
func (c *checks) inspect(at place) func(ctx context.Context, up *driver.Inspection) error {
	places := make(chan struct{}, mostChecksOfHome)
	return func(ctx context.Context, up *driver.Inspection) error {
		u := inspected{dir: at.dir, name: up.Name, size: up.Size}
		f, err := up.OpenFile()
		switch {
		case err == nil:
			defer f.Close()
			u.file = f
		case errors.Is(err, errors.ErrUnsupported):
			if u.stream, err = up.Open(); err != nil {
				return err
			}
		default:
			return err
		}
		return c.look(ctx, at.check, places, &u)
	}
}
