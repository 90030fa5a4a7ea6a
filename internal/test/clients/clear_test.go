package clients

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// inClear is for the clients of this file, which know no TLS.
var inClear = Options{Mode: Mode{Name: "clear", Clear: true}, Full: true}

// ncftp drives the family of ncftpput, ncftpget and ncftpls.
type ncftp struct {
	Program
	put, get, ls string
}

func (n *ncftp) run(program string, args ...string) (string, error) {
	return n.as(Password, program, args...)
}

func (n *ncftp) as(password, program string, args ...string) (string, error) {
	all := []string{"-u", User, "-p", password, "-P", fmt.Sprint(n.Server.Port), "-d", "stderr", "-r", "1", "-t", "30"}
	return n.Run(program, append(all, args...)...)
}

// url returns the URL of a directory for ncftpls, which knows no other way to
// name one.
func (n *ncftp) url(dir string) string {
	return "ftp://" + n.Server.Host + strings.ReplaceAll(strings.TrimRight(dir, "/"), "%", "%25") + "/"
}

func (n *ncftp) Login(password string) error {
	_, err := n.as(password, n.ls, n.url("/"))
	return err
}

func (n *ncftp) List(dir string) ([]string, error) {
	out, err := n.run(n.ls, "-l", n.url(dir))
	return Long(out), err
}

func (n *ncftp) Facts(dir string) ([]string, error) {
	out, err := n.run(n.ls, "-m", n.url(dir))
	return Facts(out), err
}

func (n *ncftp) Upload(local, remote string) error {
	_, err := n.run(n.put, "-C", n.Server.Host, local, remote)
	return err
}

func (n *ncftp) Download(remote, local string) error {
	_, err := n.run(n.get, "-C", "-Z", n.Server.Host, remote, local)
	return err
}

func (n *ncftp) ResumeUpload(local, remote string) error {
	// Without -s it sends the whole file after REST: its sendfile(2) starts at
	// the beginning.
	_, err := n.run(n.put, "-C", "-z", "-s", n.Server.Host, local, remote)
	return err
}

func (n *ncftp) ResumeDownload(remote, local string) error {
	_, err := n.run(n.get, "-C", "-z", n.Server.Host, remote, local)
	return err
}

func (n *ncftp) Rename(from, to string) error {
	_, err := n.run(n.ls, "-W", "RNFR "+from, "-W", "RNTO "+to, n.url("/"))
	return err
}

func (n *ncftp) Delete(remote string) error {
	_, err := n.run(n.ls, "-W", "DELE "+remote, n.url("/"))
	return err
}

func TestNcftp(t *testing.T) {
	s := Start(t, inClear)
	p := Program{Server: s, Home: t.TempDir()}
	Matrix(t, s, &ncftp{p, testenv.NeedBinary(t, "ncftpput"), testenv.NeedBinary(t, "ncftpget"), testenv.NeedBinary(t, "ncftpls")})
}

// tnftp drives the ftp of the BSDs.
type tnftp struct {
	Program
	path string
}

func (c *tnftp) run(lines ...string) (string, error) { return c.as(Password, lines...) }

// as feeds lines to the program. It exits with success whatever they led to, so
// as looks for failures among the replies.
func (c *tnftp) as(password string, lines ...string) (string, error) {
	script := []string{
		fmt.Sprintf("open %s %d", c.Server.Host, c.Server.Port),
		fmt.Sprintf("user %s %s", User, escape(password)),
		"binary",
	}
	script = append(append(script, lines...), "bye", "")
	c.Stdin = strings.Join(script, "\n")
	out, err := c.Run(c.path, "-n", "-v", "-i")
	for line := range strings.Lines(out) {
		if len(line) > 3 && (line[0] == '4' || line[0] == '5') && line[3] == ' ' && err == nil {
			err = fmt.Errorf("the server said: %s", line)
		}
	}
	return out, err
}

func (c *tnftp) Login(password string) error {
	_, err := c.as(password)
	return err
}

func (c *tnftp) List(dir string) ([]string, error) {
	out, err := c.run("cd "+escape(dir), "ls")
	return Long(out), err
}

func (c *tnftp) Facts(dir string) ([]string, error) {
	out, err := c.run("cd "+escape(dir), "mlsd")
	return Facts(out), err
}

func (c *tnftp) Upload(local, remote string) error {
	_, err := c.run("put " + escape(local) + " " + escape(remote))
	return err
}

func (c *tnftp) Download(remote, local string) error {
	_, err := c.run("get " + escape(remote) + " " + escape(local))
	return err
}

func (c *tnftp) ResumeUpload(local, remote string) error {
	have, err := os.Stat(c.Server.Path(remote))
	if err != nil {
		return err
	}
	_, err = c.run(fmt.Sprint("restart ", have.Size()), "put "+escape(local)+" "+escape(remote))
	return err
}

func (c *tnftp) ResumeDownload(remote, local string) error {
	_, err := c.run("reget " + escape(remote) + " " + escape(local))
	return err
}

func (c *tnftp) Rename(from, to string) error {
	_, err := c.run("rename " + escape(from) + " " + escape(to))
	return err
}

func (c *tnftp) Delete(remote string) error {
	_, err := c.run("delete " + escape(remote))
	return err
}

// escape escapes an argument in a line for tnftp, where a quotation can't hold
// a quotation mark.
func escape(s string) string { return special.ReplaceAllString(s, `\$0`) }

var special = regexp.MustCompile(`[ "'\\]`)

func TestTnftp(t *testing.T) {
	s := Start(t, inClear)
	Matrix(t, s, &tnftp{Program{Server: s, Home: t.TempDir()}, testenv.NeedBinary(t, "tnftp")})
}
