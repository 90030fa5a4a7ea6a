package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// pyftpdlibServer is a server as pyftpdlib's manual shows it.
//
//go:embed pyftpdlib.py
var pyftpdlibServer string

// startPyftpdlib runs pyftpdlib with the system's Python. It runs the asynchronous
// server, which costs less than the one with threads in all workloads.
func startPyftpdlib(ctx context.Context, s *setup) (*instance, error) {
	at, err := s.site()
	if err != nil {
		return nil, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	script, err := s.write("server.py", "%s", pyftpdlibServer)
	if err != nil {
		return nil, err
	}
	// Names the path, since the packages are for this Python and no other.
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-B", script, fmt.Sprint(at.port), fmt.Sprint(at.low), fmt.Sprint(at.high),
		s.root, s.cert, s.key)
	for _, a := range accounts {
		cmd.Args = append(cmd.Args, a.name, a.password)
	}
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(s.daemons, "usr/lib/python3/dist-packages"))
	confine(cmd)
	return launch(ctx, "pyftpdlib", at.addr, s, cmd)
}
