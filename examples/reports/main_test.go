package main

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

func TestContract(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{ReadOnly: true}, func(t *testing.T) driver.FS {
		return reports{drivertest.Tree(), time.Now()}
	})
}

// A client sees the reports, and can fetch but not change them.
func TestFetch(t *testing.T) {
	files := reports{map[string]string{"2026/january.csv": "1,9.90\n"}, time.Now()}
	srv := ftpstest.Config{FS: files}.Start(t)
	client, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for line, want := range map[string]string{"NLST": "2026\r\n", "NLST 2026": "2026/january.csv\r\n", "RETR 2026/january.csv": "1,9.90\n"} {
		if got, err := client.Get(line); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
	if _, err := client.Cmd(550, "DELE 2026/january.csv"); err != nil {
		t.Error(err)
	}
}
