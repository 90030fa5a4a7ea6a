// Package languages holds tests in other languages than Go that use "sallyport
// test", each with a small program to be tested. Its own test runs those that
// the machine can run.
package languages
