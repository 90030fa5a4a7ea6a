package ftpstest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/testclient"
	"github.com/sallyport/sallyport/internal/testenv"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func dial(t *testing.T, srv *ftpstest.Server, implicit bool) *testclient.Client {
	t.Helper()
	addr := srv.Addr
	if implicit {
		addr = srv.ImplicitAddr
	}
	c, err := testclient.Dial(addr, implicit, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFilesGoBothWays(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		srv := ftpstest.Start(t)
		srv.WriteFile("/in/deep/orders.csv", "1;2;3\n")
		c := dial(t, srv, implicit)
		got, err := c.Get("RETR /in/deep/orders.csv")
		if err != nil || got != "1;2;3\n" {
			t.Errorf("implicit %v: got %q, %v", implicit, got, err)
		}
		if err := c.Put("STOR answer.txt", "thanks"); err != nil {
			t.Errorf("implicit %v: %v", implicit, err)
		}
		if got := srv.ReadFile("answer.txt"); got != "thanks" {
			t.Errorf("implicit %v: stored %q", implicit, got)
		}
	}
}

func TestClientTLSResumes(t *testing.T) {
	c := ftpstest.Config{Configure: func(s *server.Server) { s.SessionReuse = tls.Require }}
	srv := c.Start(t)
	srv.WriteFile("a", "1")
	client := dial(t, srv, false)
	for range 3 {
		if _, err := client.Get("RETR a"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServersAreStrangers(t *testing.T) {
	one, other := ftpstest.Start(t), ftpstest.Start(t)
	one.WriteFile("a", "1")
	if _, err := other.FS.Stat(t.Context(), "a"); err == nil {
		t.Error("two servers share files")
	}
	if _, err := testclient.Dial(one.Addr, false, other.ClientTLS(), one.User, one.Password); err == nil {
		t.Error("one server's certificate is trusted for the other")
	}
}

func TestConfig(t *testing.T) {
	files := driver.Mem()
	c := ftpstest.Config{User: "alice", Password: "p w", FS: files}
	srv := c.Start(t)
	srv.WriteFile("x", "y")
	if _, err := files.Stat(t.Context(), "x"); err != nil {
		t.Errorf("FS is not the one given: %v", err)
	}
	if _, err := dial(t, srv, false).Get("NLST"); err != nil {
		t.Error(err)
	}
	if want := "ftp://alice:p%20w@" + srv.Addr + "/"; srv.URL() != want {
		t.Errorf("URL is %s, want %s", srv.URL(), want)
	}
}

func TestEndsWithTheTest(t *testing.T) {
	var srv *ftpstest.Server
	t.Run("inner", func(t *testing.T) { srv = ftpstest.Start(t) })
	if c, err := testclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password); err == nil {
		c.Close()
		t.Error("the server outlived its test")
	}
}

func TestSend(t *testing.T) {
	srv := ftpstest.Start(t)
	if err := send(srv, "all is well"); err != nil {
		t.Fatal(err)
	}
	if got := srv.ReadFile("report.txt"); got != "all is well" {
		t.Errorf("the server got %q", got)
	}
}

// Other languages get what they need from CAFile and URL.
func TestCurl(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	srv := ftpstest.Start(t)
	srv.WriteFile("a.txt", "hello")
	for _, url := range []string{srv.URL(), srv.ImplicitURL()} {
		out, err := exec.CommandContext(t.Context(), curl, "-sS", "--ssl-reqd", "--cacert", srv.CAFile, url+"a.txt").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "hello" {
			t.Errorf("%s: %v: %s", url, err, out)
		}
	}
}
