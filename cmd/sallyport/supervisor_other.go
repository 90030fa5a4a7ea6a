//go:build !linux

package main

import (
	"context"
	"log/slog"
	"net"
)

// supervisor stands for none: systemd exists on Linux only.
type supervisor struct{}

func newSupervisor(*slog.Logger) (*supervisor, error)    { return nil, nil }
func (*supervisor) logTo(*slog.Logger)                   {}
func (*supervisor) hands(string) bool                    { return false }
func (*supervisor) ready(string)                         {}
func (*supervisor) reloading()                           {}
func (*supervisor) stopping()                            {}
func (*supervisor) watch(context.Context, func() bool)   {}
func (*supervisor) take(_, _ string) net.Listener        { return nil }
func (*supervisor) data(*daemon) ([]net.Listener, error) { return nil, nil }
func (*supervisor) store(*daemon)                        {}
func (*supervisor) keepsData(_, _ int) bool              { return false }
