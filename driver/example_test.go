package driver_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
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
	u, err := files.Store(ctx, "report.txt", driver.StoreOptions{})
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

// Users may have hashes of htpasswd or of HashPassword.
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

// A certificate is half a login where a password must come as well (RFC 4217,
// section 5). The first call for each login has no password yet: return
// ErrNeedPassword, which counts as no refusal.
func ExampleFunc_certificateAndPassword() {
	users := driver.User("partner", "correct horse", driver.Mem())
	d := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		switch {
		case l.Certificate == nil || l.Certificate.Subject.CommonName != l.User:
			return nil, driver.ErrLogin
		case l.Password == "":
			return nil, driver.ErrNeedPassword
		}
		return users.Login(ctx, l)
	})
	l := &driver.Login{User: "partner", Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "partner"}}}
	_, err := d.Login(context.Background(), l)
	fmt.Println(err)
	l.Password = "correct horse"
	_, err = d.Login(context.Background(), l)
	fmt.Println(err)
	// Output:
	// driver: a password is needed
	// <nil>
}

// reports is an FS that takes one kind of file.
type reports struct{ driver.FS }

func (r reports) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if path.Ext(name) != ".csv" {
		return &driver.Error{Code: 553, Text: "Only .csv files are taken here."}
	}
	return driver.CheckStore(ctx, r.FS, name, opts)
}

func (r reports) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if err := r.CheckStore(ctx, name, opts); err != nil {
		return nil, err
	}
	return r.FS.Store(ctx, name, opts)
}

// An FS that refuses some uploads says so before the client sends a gigabyte.
func ExampleStoreChecker() {
	ctx := context.Background()
	files := reports{driver.Mem()}
	fmt.Println(driver.CheckStore(ctx, files, "film.mkv", driver.StoreOptions{}))
	fmt.Println(driver.CheckStore(ctx, files, "missing/sales.csv", driver.StoreOptions{}))
	fmt.Println(driver.CheckStore(ctx, files, "sales.csv", driver.StoreOptions{}))
	// Output:
	// 553 Only .csv files are taken here.
	// store missing/sales.csv: file does not exist
	// <nil>
}

// WritesInPlace tells whether an upload makes room in a full quota before Commit.
func ExampleWritesInPlace() {
	files, err := driver.OpenDir(os.TempDir())
	if err != nil {
		log.Fatal(err)
	}
	defer files.Close()
	files.Uploads = driver.InPlace
	fmt.Println(driver.WritesInPlace(files, "a", driver.StoreOptions{}))
	fmt.Println(driver.WritesInPlace(files, "a", driver.StoreOptions{Whole: true})) // for COMB
	// Output:
	// true
	// false
}

// RawNames tells where names that are not UTF-8 are taken.
func ExampleRawNames() {
	files, err := driver.Mount(map[string]driver.FS{"camera": driver.Mem(), "docs": driver.ReadOnly(fstest.MapFS{})})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(driver.RawNames(files, "camera"), driver.RawNames(files, "docs"))
	// Output: true false
}

// A Driver that keeps its users in a database refuses unknown names as slowly as
// wrong passwords.
func ExampleCheckPassword() {
	hash, err := driver.HashPassword("correct horse")
	if err != nil {
		log.Fatal(err)
	}
	hashes := map[string]string{"alice": hash} // SELECT hash FROM users WHERE name = ?
	users := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		if err := driver.CheckPassword(ctx, l, hashes[l.User]); err != nil { // "" for an unknown name
			return nil, err
		}
		return &driver.Account{FS: driver.Mem()}, nil
	})
	for _, name := range []string{"alice", "bob"} {
		_, err := users.Login(context.Background(), &driver.Login{User: name, Password: "correct horse"})
		fmt.Println(name, err)
	}
	// Output:
	// alice <nil>
	// bob driver: login incorrect
}

// An FS over package os returns the errors of the contract.
func ExampleSysError() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		log.Fatal(err)
	}
	err = os.Remove(dir)
	fmt.Println(errors.Is(err, driver.ErrNotEmpty), errors.Is(err, fs.ErrExist))
	err = driver.SysError(err)
	fmt.Println(errors.Is(err, driver.ErrNotEmpty), errors.Is(err, fs.ErrExist))
	// Output:
	// false true
	// true false
}

// Suppliers may bring invoices and look at them, and change nothing else.
func ExampleRestrict() {
	files := driver.Mem()
	if err := files.Mkdir(context.Background(), "invoices"); err != nil {
		log.Fatal(err)
	}
	suppliers := driver.Restrict(files, func(_ context.Context, op driver.Op, name string) error {
		switch {
		case op == driver.OpStat, op == driver.OpList, op == driver.OpRead:
			return nil
		case op == driver.OpStore && path.Dir(name) == "invoices" && path.Ext(name) == ".pdf":
			return nil
		case op == driver.OpStore:
			return &driver.Error{Code: 553, Text: "Only PDF files, and only in /invoices."}
		}
		return fs.ErrPermission
	})
	for _, name := range []string{"invoices/1.pdf", "invoices/1.exe"} {
		u, err := suppliers.Store(context.Background(), name, driver.StoreOptions{})
		fmt.Println(name, err)
		if err == nil {
			u.Close(io.ErrUnexpectedEOF)
		}
	}
	fmt.Println(suppliers.RemoveDir(context.Background(), "invoices"))
	// Output:
	// invoices/1.pdf <nil>
	// invoices/1.exe store invoices/1.exe: 553 Only PDF files, and only in /invoices.
	// rmdir invoices: permission denied
}

// A scanner looks at each upload before it becomes a file.
func ExampleInspect() {
	files := driver.Inspect(driver.Mem(), func(ctx context.Context, up *driver.Inspection) error {
		r, err := up.Open() // what is kept of the old file included, as with APPE
		if err != nil {
			return err
		}
		defer r.Close()
		content, err := io.ReadAll(r) // a real scanner, such as clamd, takes a stream
		if err != nil {
			return err
		}
		if bytes.Contains(content, []byte("EICAR")) {
			return &driver.Error{Code: 553, Text: "Infected, and so not kept: EICAR."}
		}
		return nil
	})
	u, err := files.Store(context.Background(), "virus.com", driver.StoreOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(u, "X5O!P%@AP EICAR")
	err = u.Commit() // the client would read 553
	fmt.Println(err)
	u.Close(err)
	_, err = files.Stat(context.Background(), "virus.com")
	fmt.Println(err)
	// Output:
	// commit virus.com: 553 Infected, and so not kept: EICAR.
	// stat virus.com: file does not exist
}

// A database knows how much each tenant has stored, so a login costs no walk.
func ExampleLimitFrom() {
	bytes, files := int64(900), int64(3) // SELECT bytes, files FROM tenants WHERE name = ?
	tenant, err := driver.LimitFrom(driver.Mem(), driver.Quota{Bytes: 1000}, bytes, files)
	if err != nil {
		log.Fatal(err)
	}
	free, err := driver.Space(context.Background(), tenant, ".")
	fmt.Println(free, err)
	bytes, files = tenant.Used() // UPDATE tenants SET bytes = ?, files = ?
	fmt.Println(bytes, files)
	// Output:
	// 100 <nil>
	// 900 3
}
