//go:build !linux

package main

import "github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"

// askHelper has nothing to do: where there is no run-as, nobody asks PAM.
func askHelper(pamhelper.Helper) error { return nil }
