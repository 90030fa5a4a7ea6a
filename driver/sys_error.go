package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// SysError gives an error of the system the meaning that the contract of [FS] has
// for it. It is for an FS that stands on package os, on a mounted file system or
// on a library that returns the system's errors: return SysError(err) wherever
// such an err is returned. Package io/fs knows ENOENT, EEXIST, EACCES and EPERM by
// itself; SysError adds, among others,
//
//	ENOTDIR               ErrNotDir
//	EISDIR                ErrIsDir
//	ENOTEMPTY             ErrNotEmpty, and no longer fs.ErrExist, which Go says of it
//	ENOSPC, EDQUOT, EFBIG ErrQuota
//	ENAMETOOLONG          ErrName
//	EROFS, ELOOP          fs.ErrPermission
//	EBUSY, ETXTBSY        ErrBusy
//	EINVAL                fs.ErrInvalid
//	EXDEV                 errors.ErrUnsupported
//
// and on Windows the system's own numbers for the same. The result also wraps
// err, except for ErrNotEmpty. SysError returns nil, an [*Error], an error without
// a [syscall.Errno] and an error that already has the meaning as they are.
func SysError(err error) error {
	var (
		errno syscall.Errno
		own   *Error
	)
	if !errors.As(err, &errno) || errors.As(err, &own) {
		return err
	}
	kind := errnoKind(errno)
	if kind == nil || errors.Is(err, kind) && !(kind == ErrNotEmpty && errors.Is(err, fs.ErrExist)) {
		return err
	}
	return &systemError{kind, err}
}

// systemError is an error of the contract together with the system's own.
type systemError struct{ kind, err error }

func (e *systemError) Error() string { return fmt.Sprintf("%v (%v)", e.kind, e.err) }

// Unwrap returns both errors, except for ErrNotEmpty: the system's error is
// fs.ErrExist as well then, which in the contract means that a name is taken.
func (e *systemError) Unwrap() []error {
	if e.kind == ErrNotEmpty {
		return []error{e.kind}
	}
	return []error{e.kind, e.err}
}
