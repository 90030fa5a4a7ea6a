package ftpstest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// fake stands for a test that may fail.
type fake struct {
	testing.TB
	failed   bool
	text     strings.Builder
	cleanups []func()
}

func (f *fake) Helper()                  {}
func (f *fake) Failed() bool             { return f.failed }
func (f *fake) Output() io.Writer        { return io.Discard }
func (f *fake) Cleanup(c func())         { f.cleanups = append(f.cleanups, c) }
func (f *fake) Context() context.Context { return f.TB.Context() }

func (f *fake) Logf(format string, args ...any) { fmt.Fprintf(&f.text, format+"\n", args...) }

func (f *fake) Errorf(format string, args ...any) {
	f.failed = true
	f.Logf(format, args...)
}

func (f *fake) Error(args ...any) { f.Errorf("%s", fmt.Sprint(args...)) }

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fake) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// failing runs a test that is to fail and returns what it says, "" if it doesn't
// fail.
func failing(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	f := &fake{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(f.cleanups) - 1; i >= 0; i-- {
				f.cleanups[i]()
			}
		}()
		test(f)
	}()
	<-done
	if !f.failed {
		return ""
	}
	return f.text.String()
}
