//go:build !linux

package main

import (
	"errors"
	"io"
)

var errOneProcess = errors.New("a server can be split into processes on Linux only")

func canSplit() error { return errOneProcess }

func (s *settings) canConfine() error { return nil }

func (d *daemon) keep(endings, io.Writer, *serverLog) error { return errOneProcess }

// runPart fails: here the server is never split into parts.
func runPart([]string) error { return errOneProcess }
