package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/passive"
)

// listener opens a listener. Nil stands for an empty address. option names where the
// address comes from, and usual is a port that anybody may listen on.
func (s *settings) listener(ctx context.Context, option, addr, usual string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := tcp.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s %s: %w", s.at(option), addr, notPermitted(option, addr, usual))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", s.at(option), err)
	}
	return ln, nil
}

// notPermitted says what lets a user other than root listen on a low port.
func notPermitted(option, addr, usual string) error {
	host, port, _ := net.SplitHostPort(addr)
	_, usual, _ = net.SplitHostPort(usual)
	instead := fmt.Sprintf("--%s %s", option, net.JoinHostPort(host, usual))
	return fmt.Errorf("the system does not let this user listen there; %s", lowPortCures(port, instead))
}

// withPortCures adds to the errors of data ports, once, what lets this user listen
// on them if any error is a lack of that right. usual are ports that anybody may
// use.
func withPortCures(err error, usual string) error {
	for _, e := range joined.Errors(err) {
		var port *passive.PortError
		if errors.As(e, &port) && errors.Is(port, fs.ErrPermission) {
			lowest, _, _ := strings.Cut(strings.ReplaceAll(port.Ports, ",", "-"), "-")
			return fmt.Errorf("%w; %s", err, lowPortCures(lowest, "--passive "+usual))
		}
	}
	return err
}

// lowPortCures lists what helps who may not listen on a port, which is the lowest
// of several; instead is the option that does without.
func lowPortCures(port, instead string) string {
	if runtime.GOOS != "linux" {
		return "start it as root, or use " + instead
	}
	return fmt.Sprintf("any of these helps:\n"+
		"  setcap cap_net_bind_service=+ep %s   (after each new version)\n"+
		"  sysctl -w net.ipv4.ip_unprivileged_port_start=%s   (for every user of this host)\n"+
		"  %s", program(), port, instead)
}

// program returns the path of this program, as setcap wants it: without symbolic links.
func program() string {
	file, err := os.Executable()
	if err != nil {
		return "sallyport"
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return shell(file)
}
