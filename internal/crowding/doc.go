// Package crowding tells how busy this machine is.
package crowding
