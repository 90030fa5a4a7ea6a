package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"

	_ "modernc.org/sqlite" // the driver: SQLite in Go, without cgo
)

//go:embed schema.sql
var schema string

// database holds tenants, users and what they did.
type database struct{ *sql.DB }

func open(file string) (database, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	if err != nil {
		return database{}, err
	}
	if _, err := db.Exec(schema); err != nil {
		return database{}, errors.Join(err, db.Close())
	}
	return database{db}, nil
}

// user is a row of the table user, with what other tables say about the user. The
// server keeps it with the session as Account.Value.
type user struct {
	name, tenant             string
	quota                    int64
	hash, certificate        string
	uploadRate, downloadRate int64
	sessions                 int
	closed                   string
	folders                  map[string]string // rights by name
}

// user returns a user. For an unknown name it returns the zero user, who has no
// hash. The caller treats both alike, so that nobody learns which names exist.
func (db database) user(ctx context.Context, name string) (u user, err error) {
	err = db.QueryRowContext(ctx, `SELECT user.name, tenant, quota, hash, certificate, upload_rate, download_rate, sessions, closed
		FROM user JOIN tenant ON tenant.name = tenant WHERE user.name = ?`, name).
		Scan(&u.name, &u.tenant, &u.quota, &u.hash, &u.certificate, &u.uploadRate, &u.downloadRate, &u.sessions, &u.closed)
	if errors.Is(err, sql.ErrNoRows) {
		return user{}, nil
	}
	if err != nil {
		return user{}, err
	}
	u.folders, err = db.folders(ctx, name)
	return u, err
}

func (db database) folders(ctx context.Context, user string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, rights FROM folder WHERE user = ?`, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	folders := map[string]string{}
	for rows.Next() {
		var name, rights string
		if err := rows.Scan(&name, &rights); err != nil {
			return nil, err
		}
		folders[name] = rights
	}
	return folders, rows.Err()
}
