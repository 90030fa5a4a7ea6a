// Package rawio reads and writes TCP connections behind the back of Go's
// scheduler.
//
// Before a system call the scheduler gets ready for one that takes long, and wakes
// its monitor thread if that sleeps. To read or write some kilobytes on a socket
// that never blocks takes less time than that. (bench/NOTES.md has the figures.)
package rawio
