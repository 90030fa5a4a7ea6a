//go:build !unix

package main

import (
	"errors"
	"os/exec"
)

// programUser is who runs a program.
type programUser struct{}

func findProgramUser(string) (*programUser, error) {
	return nil, errors.New("on this system a program runs as the server's own user; leave it out")
}

// apart has nothing to do: there are no process groups.
func apart(*exec.Cmd, *programUser) {}

func killGroup(*exec.Cmd) {}
