// Third-party Go clients, in a module of their own so that nobody who embeds
// the server downloads them.
module github.com/sallyport/sallyport/internal/test/clients/golang

go 1.26.0

require (
	github.com/jlaffaye/ftp v0.2.4
	github.com/sallyport/sallyport v0.0.0
)

require (
	github.com/spf13/afero v1.15.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/sallyport/sallyport => ../../../..
