// Package part starts this program again as a part of a server that is split into processes, and has what each part
// does first.
package part
