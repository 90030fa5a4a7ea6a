package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
)

// vsftpdCommand is the command that takes vsftpd's place. It is also run if this program is called by that name.
const vsftpdCommand = "vsftpd"

const vsftpdUsage = `sallyport vsftpd [FILE ...] [-oOPTION=VALUE ...] [-v]
sallyport vsftpd --check [FILE ...] [-oOPTION=VALUE ...]
sallyport vsftpd --to-toml [FILE ...] [-oOPTION=VALUE ...]
sallyport vsftpd --image NAME [--check or --to-toml]

Serves as vsftpd would with these files, or with /etc/vsftpd.conf, else
/etc/vsftpd/vsftpd.conf, and says what is different. What is wrong is told as vsftpd tells
it, with status 2, and with place and cure besides. -v prints the version. It is the same
when this program is called vsftpd.

--check serves nothing and says what is wrong, what would be different, and which ports a
firewall has to let through. Its status is 0 if there is nothing to say, 1 if the server
would start with warnings, and 2 if it would not start.

--to-toml prints the same configuration as one for sallyport serve, with comments that say
which lines each line stems from and what could not be carried over. Its status is 1 if
there is something that could not be.

--image reads no file, but the variables of the environment that an image of containers with
vsftpd has, and takes its volumes: fauria/vsftpd, delfer/alpine-ftp-server or
garethflowers/ftp-server. TLS_CERT names a certificate besides, or is self-signed.

Options of sallyport serve can be added as variables of the environment: SALLYPORT_CERT.
docs/vsftpd.md says what becomes of each option of vsftpd.
`

// vsftpdRun is a run of the command vsftpd.
type vsftpdRun struct {
	args   []string // those that vsftpd knows
	action string   // --check or --to-toml; empty to serve
	socket string   // the address of the socket that the program was started with; empty for none
	stdin  bool     // which is standard input

	image    *vsftpd.Image      // whose variables are read in place of files; nil for none
	password string             // that was made for its user
	homes    []vsftpd.ImageUser // whose homes it makes
	stderr   io.Writer
}

// runVsftpd runs the command vsftpd.
func runVsftpd(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	run := &vsftpdRun{stderr: stderr}
	for i, arg := range args {
		switch {
		case i > 0 && args[i-1] == "--image":
			if err := run.useImage(arg); err != nil {
				return err
			}
		case arg == "--image" && i < len(args)-1: // its name follows
		case arg == "--help", arg == "-h", arg == "-help":
			return printHelp([]string{vsftpdCommand}, stdout)
		case arg == "--check", arg == "--to-toml":
			run.action = arg
		case strings.HasPrefix(arg, "-v"): // as vsftpd, which then looks at nothing more
			_, err := fmt.Fprintf(stdout, "vsftpd: version 3.0.3 (sallyport %s)\n", version())
			return err
		default:
			run.args = append(run.args, arg)
		}
	}
	switch run.action {
	case "--check":
		return run.check(ctx, stdout)
	case "--to-toml":
		return run.toTOML(stdout)
	}
	if run.socket, run.stdin = givenSocket(); run.stdin {
		quietOutput()
	}
	err := serveBy(ctx, vsftpdCommand, run.settings, stdout, stderr)
	if wrong, ok := errors.AsType[*vsftpdMistakes](err); ok {
		say(stderr, wrong.Error())
		if run.stdin {
			os.Stdin.WriteString("421 Service not available.\r\n")
		}
		return exitStatus(statusUsage)
	}
	return err
}

// vsftpdMistakes are why vsftpd, or Sallyport in its place, doesn't start.
type vsftpdMistakes struct{ all []*vsftpd.Mistake }

func (e *vsftpdMistakes) Error() string {
	var lines []string
	for _, m := range e.all {
		lines = append(lines, m.Error())
	}
	return strings.Join(lines, "\n")
}

func (e *vsftpdMistakes) Unwrap() (all []error) {
	for _, m := range e.all {
		all = append(all, m)
	}
	return all
}

// read reads and translates the files. The notes of the translation begin with those about how files are written.
func (r *vsftpdRun) read() (*vsftpd.Translation, error) {
	if r.image != nil {
		return r.readImage()
	}
	c := &vsftpd.Config{AnyOwner: r.action != "", Socket: r.socket}
	c.Read(r.args)
	if len(c.Mistakes) > 0 {
		return nil, &vsftpdMistakes{c.Mistakes}
	}
	t := vsftpd.Translate(c, thisHost)
	t.Notes = append(c.Notes, t.Notes...)
	return t, nil
}

// files returns the names of the files, for people to read.
func (r *vsftpdRun) files() (files []string) {
	if r.image != nil {
		return []string{"the variables of " + r.image.Name}
	}
	for _, arg := range r.args {
		if !strings.HasPrefix(arg, "-") {
			files = append(files, arg)
		}
	}
	if files == nil {
		files = vsftpd.Usual[:1]
	}
	return files
}

// settings returns the settings to serve by, and tells what is different from vsftpd.
func (r *vsftpdRun) settings() (*settings, error) {
	t, err := r.read()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 && !t.Yes("run_as_launching_user") {
		t.Mistakes = append(t.Mistakes, &vsftpd.Mistake{Oops: "vsftpd: must be started as root (see run_as_launching_user option)"})
	}
	if len(t.Mistakes) > 0 {
		return nil, &vsftpdMistakes{t.Mistakes}
	}
	for _, n := range t.Notes {
		say(r.stderr, n.String())
	}
	if err := r.makeHomes(); err != nil {
		return nil, err
	}
	return r.load(t)
}

// load returns the settings that a translation means. Variables of the environment go over it, as they do over
// Sallyport's own files. What is wrong is told with the places of vsftpd's options.
func (r *vsftpdRun) load(t *vsftpd.Translation) (*settings, error) {
	s := defaults()
	s.files, s.said = r.files(), []string{"insecure-plaintext"} // by the notes of the translation
	if v4, v6 := t.Listens(); r.stdin && !v4 && !v6 {
		s.stdin = true
		s.control, s.stateDir = "", "" // each connection has a process of its own
	}
	moved := strict.Places{}
	for key, at := range t.Keys() {
		moved[key] = strict.Position{File: at.File, Line: at.Line}
	}
	entries := s.entries()
	environment, errs := fromEnvironment(entries, os.Environ())
	file, wrong := s.readSources(entries, []strict.Source{{Name: strings.Join(s.files, " and "), Text: []byte(t.TOML(s.files))}}, nil, moved)
	return s.complete(vsftpdCommand, append(errs, wrong...), environment, file)
}

// toTOML prints the translation.
func (r *vsftpdRun) toTOML(stdout io.Writer) error {
	t, err := r.read()
	if err != nil {
		say(r.stderr, err.Error())
		return exitStatus(statusUsage)
	}
	if _, err := io.WriteString(stdout, t.TOML(r.files())); err != nil {
		return err
	}
	if len(t.Mistakes) > 0 {
		say(r.stderr, (&vsftpdMistakes{t.Mistakes}).Error())
		return exitStatus(statusFailed)
	}
	return nil
}

// thisHost answers what translations have to know of this host.
var thisHost = vsftpd.Host{
	Home: func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.HomeDir, nil
	},
	Read: func(file string) (string, error) {
		text, err := os.ReadFile(file)
		return string(text), err
	},
	List: func(dir string) (names []string, err error) {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			if !e.IsDir() {
				names = append(names, e.Name())
			}
		}
		return names, err
	},
	Conf: vsftpd.ReadFile,
}

// calledVsftpd reports whether this program is called by vsftpd's name.
func calledVsftpd() bool {
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == vsftpdCommand
}
