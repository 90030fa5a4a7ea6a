//go:build linux

package part

import "runtime"

// onMain has the functions that the main thread calls; nil unless KeepMain was called.
var onMain chan func()

// KeepMain has the main thread start all parts. It is for a program that was executed in place of another: the parts
// of the latter are children of the main thread, and are killed when it ends. An init function has to call it, since
// those run on that thread. Then the main goroutine has to call ServeMain.
func KeepMain() {
	runtime.LockOSThread()
	onMain = make(chan func())
}

// ServeMain has the main goroutine start parts after KeepMain. It calls rest in another goroutine, which has to end
// the process. Without KeepMain it returns at once.
func ServeMain(rest func()) {
	if onMain == nil {
		return
	}
	go rest()
	for do := range onMain {
		do()
	}
}
