package main

import (
	"context"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

func TestContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return inbox{driver.Mem(), func(string) {}} })
}

func TestArrivals(t *testing.T) {
	var arrived []string
	srv := ftpstest.Config{FS: inbox{driver.Mem(), func(name string) { arrived = append(arrived, name) }}}.Start(t)
	client, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, name := range []string{"a", "b"} {
		if err := client.Put("STOR "+name, "content"); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(arrived, []string{"a", "b"}) {
		t.Errorf("arrived: %q", arrived)
	}
}

// An inspection of uploads can be put around the inbox.
func TestInspected(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		return driver.Inspect(inbox{driver.Mem(), func(string) {}}, func(context.Context, *driver.Inspection) error { return nil })
	})
}

func TestFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{}, func(t *testing.T, fsys driver.FS) driver.FS {
		return inbox{fsys, func(string) {}}
	})
}
