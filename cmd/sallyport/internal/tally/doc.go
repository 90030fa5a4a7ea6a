// Package tally counts what is stored in a home, for all processes of a server that have sessions in it. The counts are
// in a file in memory, which the processes share, and names are locked by locks of that file: the kernel gives back
// what a process has locked when it ends.
package tally
