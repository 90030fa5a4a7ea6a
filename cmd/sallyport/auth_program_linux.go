package main

import "syscall"

// endTogether has a program killed when the thread that has started it ends, as it does when the server is killed.
func endTogether(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
