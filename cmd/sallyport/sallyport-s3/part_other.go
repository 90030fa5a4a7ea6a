//go:build !linux

package main

import "errors"

func runPart() error { return errors.New("buckets are served on Linux only") }
