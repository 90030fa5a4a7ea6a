// Package scenario plays the scenario that Sallyport is for, for real: two
// companies, each behind a firewall, in network namespaces of Linux, with stock
// clients on one side and a server on the other. It has only tests. They need
// root, and touch no network but the one they make.
package scenario
