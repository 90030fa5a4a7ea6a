// Package objects holds what the server and the program sallyport-s3, which reaches buckets for it, have to agree on.
package objects
