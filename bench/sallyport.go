package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// startSallyport runs the command of this module as an ordinary user.
func startSallyport(ctx context.Context, s *setup) (*instance, error) {
	// Next to the others it is only built anew when the source has changed.
	built := filepath.Join(s.daemons, "sallyport")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", built, "github.com/sallyport/sallyport/cmd/sallyport")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	// The user may enter scratch, and perhaps not the place where it was built,
	// nor read the key where it is.
	program, err := s.lend(built, 0o755)
	if err != nil {
		return nil, err
	}
	key, err := s.lend(s.key, 0o400)
	if err != nil {
		return nil, err
	}
	if err := s.hand(); err != nil {
		return nil, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	addr, _, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "serve", s.root, "--listen", addr, "--listen-implicit", "",
		"--passive", s.ports, "--cert", s.cert, "--key", key,
		"--insecure-plaintext", "--log-level", "warn")
	for _, a := range accounts {
		cmd.Args = append(cmd.Args, "--user", a.name+":"+a.password)
	}
	confine(cmd)
	become(cmd, nobody, nogroup)
	return launch(ctx, ours, addr, s, cmd)
}

// lend copies a file into scratch, for the user that sessions act as.
func (s *setup) lend(path string, mode os.FileMode) (lent string, err error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	lent = filepath.Join(s.scratch, filepath.Base(path))
	to, err := os.OpenFile(lent, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return "", err
	}
	defer to.Close()
	if err := to.Chown(nobody, nogroup); err != nil {
		return "", err
	}
	if _, err := io.Copy(to, from); err != nil {
		return "", err
	}
	return lent, to.Close()
}
