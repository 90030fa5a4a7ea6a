//go:build !linux

package main

import "github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"

// askHelper does nothing: systems without run-as don't ask PAM.
func askHelper(pamhelper.Helper) error { return nil }
