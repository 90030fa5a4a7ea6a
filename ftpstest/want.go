package ftpstest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// UpdateEnv is the environment variable that, if not empty, makes WantGolden
// write what it finds:
//
//	FTPSTEST_UPDATE=1 go test ./...
const UpdateEnv = "FTPSTEST_UPDATE"

// WantFile demands that a file holds this content. Like the other methods whose
// names begin with Want it reports what is wrong and lets the test go on.
func (s *Server) WantFile(name, content string) {
	s.t.Helper()
	got, err := s.read(name)
	if err != nil {
		s.fail("want %s: %v", name, err)
	} else if got != content {
		s.fail("%s: %s", name, difference(got, content))
	}
}

// WantFiles demands that the server has the files of want with their content,
// and no others. Empty directories don't count.
func (s *Server) WantFiles(want fs.FS) {
	s.t.Helper()
	if err := compare(s.Files(), want); err != nil {
		s.fail("the files differ:\n%v", err)
	}
}

// WantGolden compares as WantFiles does with what is in a directory, such as
// "testdata/expected". With UpdateEnv set the directory is given what the server
// has, and nothing is compared.
func (s *Server) WantGolden(dir string) {
	s.t.Helper()
	if os.Getenv(UpdateEnv) != "" {
		if err := update(dir, s.Files()); err != nil {
			s.fail("update %s: %v", dir, err)
		}
		return
	}
	if err := compare(s.Files(), os.DirFS(dir)); err != nil {
		s.fail("the files differ from %s (%s=1 brings it up to date):\n%v", dir, UpdateEnv, err)
	}
}

// WantCommands demands that clients have sent commands that begin with these
// words, in this order, with any others between them: "STOR report.csv" finds
// one command, "STOR" any upload.
func (s *Server) WantCommands(words ...string) {
	s.t.Helper()
	sent := s.transcript.commands()
	for i, want := range words {
		at := slices.IndexFunc(sent, func(line string) bool { return line == want || strings.HasPrefix(line, want+" ") })
		if at < 0 {
			after := ""
			if i > 0 {
				after = " after " + words[i-1]
			}
			s.fail("no client sent %s%s", want, after)
			return
		}
		sent = sent[at+1:]
	}
}

// compare reports how got differs from want, a line for each file.
func compare(got, want fs.FS) error {
	gotten, err := contents(got)
	if err != nil {
		return err
	}
	wanted, err := contents(want)
	if err != nil {
		return err
	}
	var errs []error
	names := maps.Clone(wanted)
	maps.Copy(names, gotten)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		g, have := gotten[name]
		w, need := wanted[name]
		switch {
		case !have:
			errs = append(errs, fmt.Errorf("  %s is missing", name))
		case !need:
			errs = append(errs, fmt.Errorf("  %s is there, %d bytes, and should not be", name, len(g)))
		case g != w:
			errs = append(errs, fmt.Errorf("  %s: %s", name, difference(g, w)))
		}
	}
	return errors.Join(errs...)
}

func contents(files fs.FS) (map[string]string, error) {
	names, err := list(files)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all[name] = string(content)
	}
	return all, nil
}

// difference describes where two contents first differ.
func difference(got, want string) string {
	if len(got) < 100 && len(want) < 100 && !strings.ContainsAny(got+want, "\n") {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	n := 0
	gs, ws := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for n < len(gs) && n < len(ws) && gs[n] == ws[n] {
		n++
	}
	at := func(lines []string) string {
		if n >= len(lines) {
			return "nothing"
		}
		line := lines[n]
		if len(line) > 100 {
			return fmt.Sprintf("%q...", line[:100])
		}
		return fmt.Sprintf("%q", line)
	}
	return fmt.Sprintf("%d bytes, want %d; line %d is %s, want %s", len(got), len(want), n+1, at(gs), at(ws))
}

// update makes a directory hold these files and no others.
func update(dir string, files fs.FS) error {
	all, err := contents(files)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	old, err := list(os.DirFS(dir))
	for _, name := range old {
		if _, ok := all[name]; !ok {
			err = errors.Join(err, os.Remove(filepath.Join(dir, filepath.FromSlash(name))))
		}
	}
	for name, content := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(content), 0o666))
	}
	return err
}
