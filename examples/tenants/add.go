package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

// add inserts a user into the database. hash is one of driver.HashPassword;
// folders are names with rights, such as in:rwd or out:r.
func (db database) add(ctx context.Context, name, tenant, hash string, folders ...string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`INSERT INTO tenant (name) VALUES (?) ON CONFLICT DO NOTHING`, tenant); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO user (name, tenant, hash) VALUES (?, ?, ?)`, name, tenant, hash); err != nil {
		return err
	}
	for _, f := range folders {
		folder, rights, ok := strings.Cut(f, ":")
		if !ok || !driver.ValidName(folder) || strings.Contains(folder, "/") {
			return fmt.Errorf("%q is no folder with rights such as in:rwd", f)
		}
		if _, err := tx.Exec(`INSERT INTO folder (user, name, rights) VALUES (?, ?, ?)`, name, folder, rights); err != nil {
			return err
		}
	}
	return tx.Commit()
}
