package ftpstest_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// send is the code under test in these examples: a client that uploads.
func send(addr, user, password string, config *tls.Config, name, report string) error {
	c, err := ftpclient.Dial(addr, false, config, user, password)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Put("STOR "+name, report)
}

// ExampleStart tests a program that delivers a report by FTPS.
func ExampleStart() {
	_ = func(t *testing.T) { // func TestSend(t *testing.T)
		srv := ftpstest.Start(t)
		if err := send(srv.Addr, srv.User, srv.Password, srv.ClientTLS(), "report.txt", "all is well"); err != nil {
			t.Fatal(err)
		}
		srv.WantFile("report.txt", "all is well")
		srv.WantCommands("AUTH TLS", "USER", "PROT P", "STOR report.txt")
	}
}

// This example tests a program that sends in the background: the test waits
// until the file is there and whole.
func ExampleServer_WaitFile() {
	_ = func(t *testing.T) { // func TestSendInBackground(t *testing.T)
		srv := ftpstest.Start(t)
		go send(srv.Addr, srv.User, srv.Password, srv.ClientTLS(), "report.txt", "all is well")
		if got := srv.WaitFile(t.Context(), "report.txt"); got != "all is well" {
			t.Errorf("the server got %q", got)
		}
	}
}

// In this example the disk is full the first time: the program must say so, and
// succeed when it tries again.
func ExampleServer_Inject() {
	_ = func(t *testing.T) { // func TestSendToFullDisk(t *testing.T)
		srv := ftpstest.Start(t)
		srv.Inject(ftpstest.Fault{Kind: ftpstest.Full, Nth: 1, After: 5})
		if err := send(srv.Addr, srv.User, srv.Password, srv.ClientTLS(), "report.txt", "all is well"); err == nil {
			t.Error("no error although the disk is full")
		}
		if err := send(srv.Addr, srv.User, srv.Password, srv.ClientTLS(), "report.txt", "all is well"); err != nil {
			t.Error(err)
		}
		srv.WantFile("report.txt", "all is well")
	}
}

// ExampleNew starts a server in a program, without a test.
func ExampleNew() {
	srv, err := ftpstest.New(ftpstest.Config{User: "demo", Password: "demo"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	fmt.Println(send(srv.Addr, "demo", "demo", srv.ClientTLS(), "a.txt", "hello"))
	fmt.Println(srv.List())
	// Output:
	// <nil>
	// [a.txt]
}

func ExampleParseFault() {
	f, err := ftpstest.ParseFault("cut:to=RETR,nth=2,after=10k,how=rst")
	fmt.Println(f.Kind, f.To, f.Nth, f.After, f.How, err)
	_, err = ftpstest.ParseFault("cut:how=slowly")
	fmt.Println(err)
	// Output:
	// cut RETR 2 10240 rst <nil>
	// ftpstest: fault cut: how=slowly: want fin, rst, clean
}
