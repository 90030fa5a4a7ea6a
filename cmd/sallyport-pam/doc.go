// Command sallyport-pam asks PAM for sallyport serve, which starts it for each login and for the session of each hand.
// It is a program of its own since PAM is a C library whose modules may do anything. It is built with the tag pam, and
// needs libpam with its headers for that (Debian: libpam0g-dev):
//
//	go install -tags pam github.com/sallyport/sallyport/cmd/sallyport-pam@latest
//
// It reads one question from standard input and writes one answer to standard output: JSON, behind its length as four
// bytes, the highest first. A session that was opened is closed when standard input ends; a second answer tells how.
package main
