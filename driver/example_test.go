package driver_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"slices"
	"testing/fstest"

	"github.com/sallyport/sallyport/driver"
)

// A user sees the vendor's files to read and a box to put orders in, which takes
// a kilobyte at most.
func Example() {
	ctx := context.Background()
	vendor := driver.ReadOnly(fstest.MapFS{"prices.csv": {Data: []byte("bolt;0.10\n")}})
	orders, err := driver.Limit(ctx, driver.Mem(), driver.Quota{Bytes: 1 << 10})
	if err != nil {
		log.Fatal(err)
	}
	files, err := driver.Mount(map[string]driver.FS{"vendor": vendor, "orders": orders})
	if err != nil {
		log.Fatal(err)
	}
	alice := driver.User("alice", "correct horse", files)

	account, err := alice.Login(ctx, &driver.Login{User: "alice", Password: "correct horse"})
	if err != nil {
		log.Fatal(err)
	}
	fsys := account.FS
	for fi, err := range fsys.List(ctx, ".") {
		fmt.Println(fi.Name(), fi.IsDir(), err)
	}
	free, err := driver.Space(ctx, fsys, "orders")
	fmt.Println("free:", free, err)
	fmt.Println(fsys.Remove(ctx, "vendor/prices.csv"))
	// Output:
	// orders true <nil>
	// vendor true <nil>
	// free: 1024 <nil>
	// remove prices.csv: read-only: permission denied
}

// An upload shows nothing before Commit.
func ExampleUpload() {
	ctx := context.Background()
	files := driver.Mem()
	u, err := files.Store(ctx, "report.txt", driver.How{})
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close(io.ErrUnexpectedEOF) // does nothing after Commit
	fmt.Fprint(u, "all is well")
	_, err = files.Stat(ctx, "report.txt")
	fmt.Println("before:", err)
	if err := u.Commit(); err != nil {
		log.Fatal(err)
	}
	fi, err := files.Stat(ctx, "report.txt")
	fmt.Println("after:", fi.Size(), err)
	// Output:
	// before: stat report.txt: file does not exist
	// after: 11 <nil>
}

// Users may have hashes of htpasswd, or those of HashPassword.
func ExampleUsers() {
	hash, err := driver.HashPassword("correct horse")
	if err != nil {
		log.Fatal(err)
	}
	users := driver.Users{
		"alice": {Hash: hash, Files: driver.Mem()},
		"bob":   {},
	}
	fmt.Println(users.Validate())
	// Output:
	// driver: users: "bob": no hash
	// driver: users: "bob" has neither Files nor Home
}

// A Func decides by itself who may log in.
func ExampleFunc() {
	files := driver.Mem()
	allowed := []string{"partner.example"}
	d := driver.Func(func(_ context.Context, l *driver.Login) (*driver.Account, error) {
		if l.Certificate == nil || !slices.Contains(allowed, l.Certificate.Subject.CommonName) {
			return nil, driver.ErrLogin
		}
		return &driver.Account{FS: files}, nil
	})
	_, err := d.Login(context.Background(), &driver.Login{User: "partner"})
	fmt.Println(err)
	// Output: driver: login incorrect
}
