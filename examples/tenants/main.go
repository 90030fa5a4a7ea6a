// Tenants serves companies whose users are in SQLite. It is an example of what
// belongs together in a program of some size:
//
//   - schema.sql and database.go: tenants, users, folders and the audit log
//   - login.go: passwords, client certificates, closed accounts, bandwidth, sessions at once
//   - files.go: one directory and one quota for each tenant, rights by folder
//   - webhook.go: another program looks at each upload and may refuse it
//   - audit.go: who did what, by session
//   - admin.go: who is there, and how to get rid of them
//
// To try it:
//
//	FTP_PASSWORD=wonderland go run . add alice acme in:rwd out:r
//	go run . serve
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func main() {
	file := flag.String("db", "tenants.db", "the database")
	root := flag.String("files", "tenants", "where the tenants' directories are")
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	admin := flag.String("admin", "127.0.0.1:8021", "where admin.go is served")
	webhook := flag.String("webhook", "", "a URL to which uploads are posted")
	clients := flag.String("clients", "", "a PEM file of the authorities of client certificates")
	flag.Parse()
	db, err := open(*file)
	check(err)
	defer db.Close()
	switch args := flag.Args(); {
	case flag.Arg(0) == "add" && len(args) > 2:
		hash, err := driver.HashPassword(os.Getenv("FTP_PASSWORD"))
		check(err)
		check(db.add(context.Background(), args[1], args[2], hash, args[3:]...))
	case flag.Arg(0) == "serve":
		cert, err := tls.SelfSigned("localhost", "127.0.0.1")
		check(err)
		d := &directory{db: db, root: *root, webhook: *webhook, tenants: map[string]tenant{}}
		defer d.close()
		srv := &server.Server{TLS: cert, Logger: slog.Default()}
		check(d.configure(srv, *clients))
		go func() { check(http.ListenAndServe(*admin, d.admin(srv))) }()
		check(srv.ListenAndServe(*listen))
	default:
		log.Fatal("say add USER TENANT FOLDER:RIGHTS..., with FTP_PASSWORD set, or serve")
	}
}

// configure sets the server up for tenants. A server in Go can't ask for a certificate after
// the handshake, so all clients are asked for one (RFC 4217, section 5), and login.go says
// who needs one.
func (d *directory) configure(srv *server.Server, clients string) error {
	srv.Driver, srv.Hooks = d, d.hooks()
	if clients == "" {
		return nil
	}
	authorities, err := os.ReadFile(clients)
	if err != nil {
		return err
	}
	srv.TLS.ClientAuth, srv.TLS.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !srv.TLS.ClientCAs.AppendCertsFromPEM(authorities) {
		return errors.New("no certificates in " + clients)
	}
	return nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
