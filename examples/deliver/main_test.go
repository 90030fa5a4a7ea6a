package main

import (
	"strings"
	"testing"

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

// deliver reports every failure, and leaves no part of a file.
func TestDeliverReportsFailure(t *testing.T) {
	for _, fault := range []ftpstest.Fault{
		{Kind: ftpstest.Full},
		{Kind: ftpstest.Cut, After: 3, How: "rst"},
		{Kind: ftpstest.Drop, After: 3},
		{Kind: ftpstest.Reply, To: "login"},
		{Kind: ftpstest.Reply, To: "passive"},
		{Kind: ftpstest.Certificate, How: "expired"},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			srv := ftpstest.Config{Faults: []ftpstest.Fault{fault}}.Start(t)
			err := deliver(srv.ImplicitAddr, srv.ClientTLS(), srv.User, srv.Password, "report.csv", strings.NewReader("1;2;3\n"))
			if err == nil {
				t.Error("no error")
			}
			if got := srv.List(); len(got) > 0 {
				t.Errorf("the server has %q", got)
			}
		})
	}
}
