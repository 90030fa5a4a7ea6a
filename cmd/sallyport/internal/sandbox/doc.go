// Package sandbox has a process give up for good what it does not need: files, sockets, other processes, and calls of
// the system. The kernel holds to that, whatever the process runs later.
//
// Landlock decides about paths, ports and signals, and only for the thread that asks and those started by it; a Go
// program has others already. So [Rules.Enter] restricts one thread and has that execute the program again. Seccomp
// decides about calls by their numbers, for all threads at once: [Rules.Seal] comes last, since nothing can be executed
// after it. What is refused fails with EPERM or EACCES, so that a mistake in the rules costs what was refused and not
// the process.
package sandbox
