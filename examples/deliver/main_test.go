package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
)

func TestDeliver(t *testing.T) {
	srv := ftpstest.Start(t) // ends with the test
	err := deliver(srv.ImplicitAddr, srv.ClientTLS(), srv.User, srv.Password, "report.csv", strings.NewReader("1;2;3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := srv.ReadFile("report.csv"); got != "1;2;3\n" {
		t.Errorf("the server got %q", got)
	}
}

func TestDeliverReportsFailure(t *testing.T) {
	c := &ftpstest.Config{FS: driver.ReadOnly(fstest.MapFS{})}
	srv := c.Start(t)
	err := deliver(srv.ImplicitAddr, srv.ClientTLS(), srv.User, srv.Password, "report.csv", strings.NewReader("1;2;3\n"))
	if err == nil {
		t.Error("a server that stores nothing gives no error")
	}
}
