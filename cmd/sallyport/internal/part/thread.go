//go:build linux

package part

import "runtime"

// onMain are what the main thread does, nil unless it is kept for that.
var onMain chan func()

// KeepMain has the main thread start all parts, for a program that was executed in place of another one: parts of that
// are children of this thread, and end with it. It is called by an init function, which runs on that thread, and then
// the main goroutine calls ServeMain.
func KeepMain() {
	runtime.LockOSThread()
	onMain = make(chan func())
}

// ServeMain has the main goroutine start parts, after KeepMain, while the rest of the program runs in another
// goroutine, which ends the process. Without KeepMain it returns at once.
func ServeMain(rest func()) {
	if onMain == nil {
		return
	}
	go rest()
	for do := range onMain {
		do()
	}
}
