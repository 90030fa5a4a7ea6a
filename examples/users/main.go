// Users shows several users in a map. Their passwords are bcrypt hashes, made
// by driver.HashPassword or "htpasswd -nB NAME". Alice's files are opened at
// the start; Bob's directory is opened when he logs in and closed when he
// leaves.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

var users = driver.Users{
	"alice": { // wonderland
		Hash:  "$2a$10$lpw5MS2Y/sSpIlLkm8WesOzzbi4IUskKJkKM0Hv3ZpuM7WOtOcdUe",
		Files: driver.Mem(),
	},
	"bob": { // can we fix it
		Hash: "$2a$10$5mB5bPfc7SETc5wsHMl10ORn2i0AtvxOp.th3viOxbU7s8y0BYWsS",
		Home: home,
	},
}

// home opens the directory of a user. If any name could log in, home would
// have to be safe against any name; here the map has all names.
func home(ctx context.Context, l *driver.Login) (driver.FS, error) {
	dir := filepath.Join(os.TempDir(), "sallyport-example", l.User)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := driver.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { files.Close() })
	return files, nil
}

func main() {
	listen := flag.String("listen", ":2121", "where clients send AUTH TLS")
	flag.Parse()
	cert, err := tls.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		log.Fatal(err)
	}
	srv := &server.Server{Driver: users, TLS: cert}
	log.Fatal(srv.ListenAndServe(*listen))
}
