//go:build !linux

package main

import "errors"

func runPart() error { return errors.New("the server is split on Linux only") }
