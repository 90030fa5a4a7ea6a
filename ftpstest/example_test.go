package ftpstest_test

import (
	"testing"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/testclient"
)

// A test of a program that delivers a report by FTPS.
func ExampleStart() {
	_ = func(t *testing.T) { // func TestSend(t *testing.T)
		srv := ftpstest.Start(t)
		if err := send(srv, "all is well"); err != nil {
			t.Fatal(err)
		}
		if got := srv.ReadFile("report.txt"); got != "all is well" {
			t.Errorf("the server got %q", got)
		}
	}
}

// send is the code under test.
func send(srv *ftpstest.Server, report string) error {
	c, err := testclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Put("STOR report.txt", report)
}
