// Package versitygw holds nothing. Its module names the S3 server that the tests
// start, so that the dependencies of that server are those of no other module:
//
//	go tool -n versitygw
//
// builds it, once, and says where it is.
package versitygw
