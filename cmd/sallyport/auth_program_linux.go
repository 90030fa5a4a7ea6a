package main

import "syscall"

// endTogether has the kernel kill a program when the thread that started it ends, as when the server is killed.
func endTogether(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
