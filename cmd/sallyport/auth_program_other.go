//go:build !unix

package main

import (
	"errors"
	"os/exec"
)

// programUser is empty: here programs run as the server's own user.
type programUser struct{}

func findProgramUser(string) (*programUser, error) {
	return nil, errors.New("on this system a program runs as the server's own user; leave it out")
}

// apart does nothing: there are no process groups here.
func apart(*exec.Cmd, *programUser) {}

func killGroup(*exec.Cmd) {}
