// Package syscalls shows a test the system calls of code that runs on the real system, and
// lets the test fail them or do something between two of them. It needs Linux.
package syscalls
