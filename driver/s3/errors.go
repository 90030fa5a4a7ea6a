package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// meanings are the error codes of S3 and of stores like it that a client of the
// server is to understand. Any other is for the log: that the bucket is missing or
// the credentials are wrong is no client's business.
var meanings = map[string]error{
	"NoSuchKey":                      fs.ErrNotExist,
	"AccessDenied":                   fs.ErrPermission,
	"PreconditionFailed":             fs.ErrExist, // the only condition that is ever set says that the name is free
	"ConditionalRequestConflict":     fs.ErrExist,
	"ExistingObjectIsDirectory":      driver.ErrIsDir,
	"KeyTooLongError":                driver.ErrName,
	"InvalidObjectName":              driver.ErrName,
	"XMinioInvalidObjectName":        driver.ErrName,
	"EntityTooLarge":                 driver.ErrQuota,
	"QuotaExceeded":                  driver.ErrQuota,
	"XMinioAdminBucketQuotaExceeded": driver.ErrQuota,
	"XMinioStorageFull":              driver.ErrQuota,
	"NotImplemented":                 errors.ErrUnsupported,
}

// meaning wraps an error of the store with the error of the contract that it
// means, if there is one. A store that is out of reach, or says itself that it
// fails, has a reply of its own: the client should come again.
func meaning(err error) error {
	var r minio.ErrorResponse
	if errors.As(err, &r) && meanings[r.Code] != nil {
		return fmt.Errorf("%w: %w", meanings[r.Code], err)
	}
	if own := (*driver.Error)(nil); errors.As(err, &own) {
		return err
	}
	if failed := net.Error(nil); r.StatusCode >= 500 || errors.As(err, &failed) && !errors.Is(err, context.Canceled) {
		return &driver.Error{Code: 451, Text: "The store of these files can't be reached just now. Try again later.", Err: err}
	}
	return err
}

func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// unsupported refuses what object storage can't do.
func unsupported(text string) error {
	return &driver.Error{Code: 504, Text: text, Err: errors.ErrUnsupported}
}
