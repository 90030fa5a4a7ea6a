// Package versitygw holds nothing. Its module names the S3 server that the tests
// start, so that what that server is made of burdens nobody else:
//
//	go tool -n versitygw
//
// builds it, once, and says where it is.
package versitygw
