package s3

import (
	"errors"
	"fmt"
	"io/fs"

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
// means, if there is one.
func meaning(err error) error {
	var r minio.ErrorResponse
	if errors.As(err, &r) && meanings[r.Code] != nil {
		return fmt.Errorf("%w: %w", meanings[r.Code], err)
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
