// Command sallyport-pam asks PAM on behalf of sallyport serve, which starts it for each login, and for each hand, which
// it starts in a session of PAM. It is a program of its own, since PAM is a C library whose modules may do anything. To
// build it takes the tag pam, and libpam with its headers (Debian: libpam0g-dev):
//
//	go install -tags pam github.com/sallyport/sallyport/cmd/sallyport-pam@latest
//
// sallyport-pam reads one question from standard input and writes one answer to standard output: JSON, behind its
// length as four bytes, the highest first. If it has opened a session, it closes the session when standard input ends,
// and writes a second answer about that.
package main
