package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/realclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
)

func TestContract(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{NoOffset: true, NoDirRename: true, Patience: time.Minute}, func(t *testing.T) driver.FS {
		files, _ := newStore(t)
		return files
	})
}

func serve(t *testing.T, ended func(server.Transfer)) (realclient.Account, *memory) {
	t.Helper()
	files, store := newStore(t)
	srv := ftpstest.Config{FS: files, Configure: func(srv *server.Server) { srv.Hooks = &server.Hooks{Transfer: ended} }}.Start(t)
	return realclient.At(srv, srv.User, srv.Password), store
}

func TestCurl(t *testing.T) {
	alice, store := serve(t, nil)
	file := write(t, strings.Repeat("ten bytes\n", 100_000))
	if out, err := alice.Curl(t, "/in/new/big.txt", "--ftp-create-dirs", "-T", file); err != nil {
		t.Fatal(err, out)
	}
	if c := store.object("in/new/big.txt"); len(c) != 1_000_000 {
		t.Errorf("the store has %d bytes", len(c))
	}
	if out, err := alice.Curl(t, "/in/new/big.txt", "-r", "999990-"); err != nil || !strings.Contains(out, "ten bytes\n") {
		t.Error(err, out)
	}
	if out, err := alice.Curl(t, "/in/"); err != nil || !strings.Contains(out, " new") {
		t.Error(err, out)
	}
	if out, err := alice.Curl(t, "/in/new/big.txt", "--append", "-T", file); err == nil || !strings.Contains(out, "< 504 ") {
		t.Error("appended:", err, out)
	}
}

func TestLftp(t *testing.T) {
	alice, store := serve(t, nil)
	file := write(t, "order,amount\n")
	out, err := alice.Lftp(t, "mkdir in", "put "+file+" -o in/order.csv", "mv in/order.csv in/done.csv", "cat in/done.csv", "cls -1 in")
	if err != nil || !strings.Contains(out, "order,amount\n") || !strings.Contains(out, "in/done.csv\n") {
		t.Error(err, out)
	}
	if got := store.object("in/done.csv"); got != "order,amount\n" {
		t.Errorf("the store has %q", got)
	}
	if out, err := alice.Lftp(t, "rm in/done.csv", "rmdir in"); err != nil {
		t.Error(err, out)
	}
}

// A client that is killed during an upload leaves the old object as it was, and
// nothing else.
func TestCutUpload(t *testing.T) {
	ended := make(chan error, 1)
	alice, store := serve(t, func(tr server.Transfer) {
		if tr.Verb == "STOR" {
			ended <- tr.Err
		}
	})
	if out, err := alice.Curl(t, "/old.txt", "-T", write(t, "whole")); err != nil {
		t.Fatal(err, out)
	}
	<-ended
	for _, name := range []string{"/old.txt", "/new.txt"} {
		curl := alice.CurlCommand(t, name, "-T", "-")
		input, err := curl.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := curl.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := input.Write(bytes.Repeat([]byte("half"), 1<<18)); err != nil { // was read, so the upload has begun
			t.Fatal(err)
		}
		curl.Process.Kill()
		curl.Wait()
		if err := <-ended; err == nil {
			t.Errorf("the upload of %s counts as whole", name)
		}
	}
	if got := store.object("old.txt"); got != "whole" {
		t.Errorf("the old object has %d bytes", len(got))
	}
	if got := store.object("new.txt"); got != "" {
		t.Errorf("the new object has %d bytes", len(got))
	}
}

// The client gets the words of a store that is full.
func TestFullStore(t *testing.T) {
	alice, store := serve(t, nil)
	store.limit = 1000
	out, err := alice.Curl(t, "/big", "-T", write(t, strings.Repeat("x", 100_000)))
	if err == nil || !strings.Contains(out, "< 552 ") {
		t.Error(err, out)
	}
}

// The program runs and serves.
func TestProgram(t *testing.T) {
	files, _ := newStore(t)
	addr := testenv.FreeAddr(t)
	realclient.Start(t, addr, realclient.Build(t), "-listen", addr, "-store", files.url)
	alice := realclient.Account{Addr: addr, User: "alice", Password: "wonderland"}
	if out, err := alice.Curl(t, "/a.txt", "-T", write(t, "content of a.txt")); err != nil {
		t.Fatal(err, out)
	}
	if out, err := alice.Curl(t, "/a.txt"); err != nil || !strings.Contains(out, "content of a.txt") {
		t.Error(err, out)
	}
}

func write(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
