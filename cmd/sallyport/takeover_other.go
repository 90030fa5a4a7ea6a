//go:build !linux

package main

import "log/slog"

// handover is empty: only on Linux does a server leave anything to a next
// program.
type handover struct{ trial bool }

func leftBehind() (*handover, error)                                          { return nil, nil }
func (h *handover) supervisor(s *supervisor, _ *daemon) (*supervisor, error)  { return s, nil }
func (h *handover) control(*daemon, string, int) (bool, error)                { return false, nil }
func (h *handover) certificate(*settings, *slog.Logger) (*certificate, error) { return nil, nil }
func (h *handover) isTrial() bool                                             { return h != nil && h.trial }
func programPath() string                                                     { return "" }

func serveMain(func()) {}
