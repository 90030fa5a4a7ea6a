package examples

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/server"
)

// docs/site.md has a row for each command of SITE HELP, in the same words, and no
// other rows.
func TestSiteCommandsAreDocumented(t *testing.T) {
	var help []string
	configure := func(srv *server.Server) {
		srv.AllowSymlink = true
		srv.Hooks = &server.Hooks{Reply: func(_ server.SessionInfo, r server.Reply) {
			if r.Code == 214 {
				help = r.Lines
			}
		}}
	}
	srv := ftpstest.Config{Configure: configure}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cmd(214, "SITE HELP"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	srv.Close() // from here on only this goroutine uses help
	page, err := os.ReadFile("../docs/site.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(string(page), "\n| `SITE ")
	for _, line := range help[1 : len(help)-1] { // between a heading and an end
		rows--
		if !strings.Contains(string(page), "\n| `"+strings.TrimSpace(line)+"` |") {
			t.Errorf("docs/site.md has no row for %q", line)
		}
	}
	if rows != 0 {
		t.Errorf("docs/site.md has %d rows more than there are commands: %q", rows, help)
	}
}

// What docs/site.md says of flags and patterns of listings is true.
func TestListingsAreDocumented(t *testing.T) {
	srv := ftpstest.Start(t)
	for _, name := range []string{".hidden", "-name", "a1.csv", "A2.csv", "a[1]", `back\slash`} {
		srv.WriteFile(name, name)
	}
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for line, want := range map[string]string{
		"NLST -al *.csv":   "A2.csv a1.csv",
		"NLST -- -name":    "-name",
		"NLST a*":          "a1.csv a[1]",
		"NLST a[1]":        "a[1]",
		"NLST [!a-z]*.csv": "A2.csv",
		"NLST ?[0-9].csv":  "A2.csv a1.csv",
		"NLST *hidden":     ".hidden",
		`NLST back\*`:      `back\slash`,
		"NLST none*":       "",
	} {
		got, err := c.Get(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if names := sorted(got); names != want {
			t.Errorf("%s lists %q, want %q", line, names, want)
		}
	}
	if _, err := c.Cmd(501, "STAT "+strings.Repeat("*", 256)); err != nil {
		t.Error(err)
	}
}

func sorted(lines string) string {
	names := strings.Fields(lines)
	slices.Sort(names)
	return strings.Join(names, " ")
}
