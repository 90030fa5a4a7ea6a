package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// startSallyport runs the command sallyport as an ordinary user.
func startSallyport(ctx context.Context, s *setup) (*instance, error) {
	cmd, addr, err := s.sallyport(ctx)
	if err != nil {
		return nil, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		cmd.Args = append(cmd.Args, "--user", a.name+":"+a.password)
	}
	confine(cmd)
	become(cmd, nobody, nogroup)
	return launch(ctx, ours, addr, s, cmd)
}

// startSplit runs the command sallyport as root, in several processes.
func startSplit(ctx context.Context, s *setup) (*instance, error) {
	cmd, addr, err := s.sallyport(ctx)
	if err != nil {
		return nil, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	const engine = 39_999
	text := fmt.Sprintf("run-as = \"%d:%d\"\nsystem-user = \"%d:%d\"\nstate-dir = %q\ncontrol = \"\"\n",
		engine, engine, nobody, nogroup, filepath.Join(s.scratch, "state"))
	for _, a := range accounts {
		if a.uid == nobody { // no hash is computed, as in one process
			cmd.Args = append(cmd.Args, "--user", a.name+":"+a.password)
			continue
		}
		text += fmt.Sprintf("[user.%s]\npassword = %q\nsystem-user = \"%d:%d\"\n", a.name, a.hash, a.uid, nogroup)
	}
	config, err := s.write("sallyport.toml", "%s", text)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, "--config", config)
	confine(cmd)
	return launch(ctx, split, addr, s, cmd)
}

// sallyport builds the command, and copies into scratch the files that it needs as the user
// nobody.
func (s *setup) sallyport(ctx context.Context) (cmd *exec.Cmd, addr string, err error) {
	// Keeps the program beside the other servers, where go build makes it anew only if the
	// source has changed.
	built := filepath.Join(s.daemons, "sallyport")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", built, "github.com/sallyport/sallyport/cmd/sallyport")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in releases
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	// Copies program and key into scratch: nobody may be unable to enter the directory of the
	// one, or to read the other.
	program, err := s.lend(built, 0o755)
	if err != nil {
		return nil, "", err
	}
	key, err := s.lend(s.key, 0o400)
	if err != nil {
		return nil, "", err
	}
	if err := s.hand(); err != nil {
		return nil, "", err
	}
	if addr, _, err = freePort(); err != nil {
		return nil, "", err
	}
	return exec.CommandContext(ctx, program, "serve", s.root, "--listen", addr, "--listen-implicit", "",
		"--passive", s.ports, "--cert", s.cert, "--key", key, "--insecure-plaintext", "--log-level", "warn"), addr, nil
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
