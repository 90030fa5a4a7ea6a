package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// cured returns an error of the system with what would help against it. An error that goes on in words of this program
// behind those of the system says that itself, and is returned as it is.
func cured(err error) error {
	last := ofSystem(err)
	if last == nil || !strings.HasSuffix(err.Error(), last.Error()) {
		return err
	}
	cure := "put that right, or name another"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		cure = "make it, or name another"
	case errors.Is(err, fs.ErrPermission):
		cure = fmt.Sprintf("let user %d of this host in, or name another", os.Geteuid())
	case errors.Is(err, syscall.EADDRINUSE):
		cure = "end the program that has it (ss -lntp names it), or take another"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		cure = "this host doesn't have that address; take one of its own"
	}
	return fmt.Errorf("%w; %s", err, cure)
}

// ofSystem returns the error of the system that err wraps, nil for none.
func ofSystem(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e
	}
	return nil
}
