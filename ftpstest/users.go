package ftpstest

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/driver"
)

// users are several driver.User. Their comparison of passwords is a quick one,
// unlike that of driver.Users, which a test would wait for.
type users map[string]driver.Driver

// Login implements driver.Driver.
func (u users) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	if one, ok := u[l.User]; ok {
		return one.Login(ctx, l)
	}
	return nil, driver.ErrLogin
}

// Validate reports empty names and passwords.
func (u users) Validate() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u)) {
		if v, ok := u[name].(interface{ Validate() error }); ok {
			errs = append(errs, v.Validate())
		}
	}
	return errors.Join(errs...)
}
