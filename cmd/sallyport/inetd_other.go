//go:build !linux

package main

import (
	"context"
	"errors"
	"net"
)

func givenSocket() (address string, stdin bool) { return "", false }
func stdinListener() (net.Listener, error)      { return nil, errors.ErrUnsupported }
func (d *daemon) endAfterOne(context.Context)   {}
func quietOutput()                              {}
