//go:build linux

package objects

import "github.com/sallyport/sallyport/cmd/sallyport/internal/channel"

// AskResolve is the question by which sallyport-s3 has the keeper look up a name: sallyport-s3 can open no files, so it
// can't read where name servers are. The answer is for channel.ReadAddrs.
const AskResolve = channel.FirstOp
