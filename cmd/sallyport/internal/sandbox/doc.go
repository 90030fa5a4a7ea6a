// Package sandbox has a process give up for good what it does not need: files, sockets, other processes, and system
// calls. The kernel enforces that, whatever code the process runs later.
//
// Landlock decides about paths, ports and signals, but only for the calling thread and threads that it starts later,
// and a Go program has other threads already. So [Rules.Enter] restricts one thread and has it execute the program
// again. Seccomp decides about system calls by number, for all threads at once: [Rules.Seal] comes last, since nothing
// can be executed after it. A refused call fails with EPERM or EACCES, so that a mistake in the rules breaks the call
// and not the process.
package sandbox
