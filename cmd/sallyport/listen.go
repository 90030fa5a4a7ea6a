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

// listener opens a listener; it returns nil for an empty address. option is the option
// that sets the address, and usual an address whose port needs no privileges.
func (s *settings) listener(ctx context.Context, option, addr, usual string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := tcp.Listen(ctx, "tcp", addr)
	return ln, s.listening(option, addr, usual, err)
}

// listening returns the error of a listener with the place of its option and a cure.
func (s *settings) listening(option, addr, usual string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s %s: %w", s.at(option), addr, notPermitted(option, addr, usual))
	}
	return s.told(option, err)
}

// notPermitted returns the error of a user who may not listen on a low port, with the
// cures.
func notPermitted(option, addr, usual string) error {
	host, port, _ := net.SplitHostPort(addr)
	_, usual, _ = net.SplitHostPort(usual)
	instead := fmt.Sprintf("--%s %s", option, net.JoinHostPort(host, usual))
	return fmt.Errorf("the system does not let this user listen there; %s", lowPortCures(port, instead))
}

// withPortCures adds to errors of data ports what would let this user listen there, if
// the right to do so is missing. usual are ports that need no privileges.
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

// lowPortCures lists ways to listen on a port that this user may not listen on. port is
// the lowest of several, and instead an option that avoids it.
func lowPortCures(port, instead string) string {
	if runtime.GOOS != "linux" {
		return "start it as root, or use " + instead
	}
	return fmt.Sprintf("any of these helps:\n"+
		"  setcap cap_net_bind_service=+ep %s   (after each new version)\n"+
		"  sysctl -w net.ipv4.ip_unprivileged_port_start=%s   (for every user of this host)\n"+
		"  %s", program(), port, instead)
}

// program returns the path of this program for setcap, which follows no symbolic links.
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
