// Package golang tests the server with FTP clients written in Go.
package golang
