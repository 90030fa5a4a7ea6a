package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// The variables of each image start a server in which its user logs in and stores files, with TLS by one variable more.
func TestVsftpdImages(t *testing.T) {
	testenv.NeedRoot(t)
	unshare := testenv.NeedBinary(t, "unshare")
	for image, variables := range map[string][]string{
		"fauria/vsftpd":            {"FTP_USER=me", "FTP_PASS=secret", "PASV_ADDRESS=127.0.0.1"},
		"delfer/alpine-ftp-server": {"USERS=me|secret|/home/me|20001 you|secret"},
		"garethflowers/ftp-server": {"FTP_USER=me", "FTP_PASS=secret", "UID=20001", "GID=20001", "PUBLIC_IP=127.0.0.1"},
	} {
		t.Run(image, func(t *testing.T) {
			for _, tls := range []string{"", "TLS_CERT=self-signed"} {
				p := startWith(t, func(cmd *exec.Cmd) {
					cmd.Env = append(append(cmd.Env, "SALLYPORT_LISTEN=127.0.0.1:0", "SALLYPORT_PASSIVE="+testenv.FreePortSet(t, 2), tls), variables...)
					script := "set -e\nmount -t tmpfs none /home\nmkdir /home/ftp\nexec \"$@\""
					cmd.Path, cmd.Args = unshare, []string{"unshare", "--mount", "sh", "-c", script, "sh", cmd.Path, "vsftpd", "--image", image}
				})
				var c *ftpclient.Client
				if tls == "" {
					c = clearClient(t, p.fact(t, "explicit FTPS"))
					_, err := c.Expect(220)
					require.NoError(t, err)
					clearLogin(t, c, "me", "secret")
				} else {
					var err error
					c, err = p.logIn(t, "127.0.0.1", "me", "secret")
					require.NoError(t, err)
				}
				require.NoError(t, c.Put("STOR file", "hello"))
				got, err := c.Get("RETR file")
				require.NoError(t, err)
				require.Equal(t, "hello", got)
			}
		})
	}
	require.ErrorContains(t, run(t.Context(), []string{"vsftpd", "--image", "pure-ftpd"}, t.Output(), t.Output()), `--image: "pure-ftpd" is not known; want fauria/vsftpd or `)
}
