package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	numbers "math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// issue writes a certificate for localhost and its key, and returns the certificate.
func issue(t *testing.T, serial int64, cert, key string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: numbers.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(cert), 0o755))
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return string(der)
}

// link makes a symbolic link as certbot does: it first removes what was there.
func link(t *testing.T, target, name string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	os.Remove(name)
	require.NoError(t, os.Symlink(target, name))
}

// shown logs in, and returns the client and the certificate that it was shown.
func (c controlled) shown(t *testing.T) (*ftpclient.Client, string) {
	t.Helper()
	der := ""
	config := &stdtls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	config.VerifyConnection = func(s stdtls.ConnectionState) error {
		if !s.DidResume {
			der = string(s.PeerCertificates[0].Raw)
		}
		return nil
	}
	conn, err := net.Dial("tcp", c.fact(t, "explicit FTPS"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	client := ftpclient.New(conn, config)
	_, err = client.Expect(220)
	require.NoError(t, err)
	require.NoError(t, client.AuthTLS())
	require.NoError(t, client.Login("alice", "secret"))
	return client, der
}

// showsSoon waits until new sessions are shown the certificate want. Before, each must be shown until, and none may
// fail.
func (c controlled) showsSoon(t *testing.T, want, until string) {
	t.Helper()
	require.Eventually(t, func() bool {
		client, got := c.shown(t)
		require.NoError(t, client.Close())
		if got != want {
			require.Equal(t, until, got)
		}
		return got == want
	}, 20*time.Second, 50*time.Millisecond)
}

// Certificate and key are replaced during transfers, in each way that programs replace them. New sessions are shown
// the new certificate, none fails meanwhile, and old sessions go on, also with new data connections.
func TestCertificateRenewed(t *testing.T) {
	for name, x := range map[string]struct {
		first func(t *testing.T, dir string) (der string)
		renew func(t *testing.T, c controlled, dir, old string) (der string)
	}{
		"certbot": {
			func(t *testing.T, dir string) string {
				der := issue(t, 1, dir+"/archive/ex/fullchain1.pem", dir+"/archive/ex/privkey1.pem")
				link(t, "../../archive/ex/fullchain1.pem", dir+"/live/ex/fullchain.pem")
				link(t, "../../archive/ex/privkey1.pem", dir+"/live/ex/privkey.pem")
				return der
			},
			func(t *testing.T, c controlled, dir, old string) string {
				der := issue(t, 2, dir+"/archive/ex/fullchain2.pem", dir+"/archive/ex/privkey2.pem")
				link(t, "../../archive/ex/fullchain2.pem", dir+"/live/ex/fullchain.pem")
				require.Eventually(t, func() bool { // waits between the two, as on a busy machine
					client, got := c.shown(t)
					require.Equal(t, old, got)
					require.NoError(t, client.Close())
					return strings.Contains(c.log.String(), "certificate not renewed, the old one stays in use")
				}, 20*time.Second, 50*time.Millisecond)
				link(t, "../../archive/ex/privkey2.pem", dir+"/live/ex/privkey.pem")
				return der
			},
		},
		"both at once": {
			func(t *testing.T, dir string) string {
				der := issue(t, 1, dir+"/1/fullchain.pem", dir+"/1/privkey.pem")
				link(t, "../1", dir+"/live/ex")
				return der
			},
			func(t *testing.T, c controlled, dir, old string) string {
				der := issue(t, 2, dir+"/2/fullchain.pem", dir+"/2/privkey.pem")
				link(t, "../2", dir+"/live/next")
				require.NoError(t, os.Rename(dir+"/live/next", dir+"/live/ex"))
				return der
			},
		},
		"in place": {
			func(t *testing.T, dir string) string {
				return issue(t, 1, dir+"/live/ex/fullchain.pem", dir+"/live/ex/privkey.pem")
			},
			func(t *testing.T, c controlled, dir, old string) string {
				return issue(t, 2, dir+"/live/ex/fullchain.pem", dir+"/live/ex/privkey.pem")
			},
		},
	} {
		for form, start := range map[string]func(t *testing.T, cert, key string) (c controlled, home string){
			"one process": func(t *testing.T, cert, key string) (controlled, string) {
				c := startControlled(t, "--cert", cert, "--key", key)
				return c, c.dir
			},
			"split": func(t *testing.T, cert, key string) (controlled, string) {
				s := startSplit(t, fmt.Sprintf("cert = %q\nkey = %q", cert, key), 5)
				return s.controlled, filepath.Join(s.homes, "alice")
			},
		} {
			t.Run(name+", "+form, func(t *testing.T) {
				dir := t.TempDir()
				old := x.first(t, dir)
				c, home := start(t, dir+"/live/ex/fullchain.pem", dir+"/live/ex/privkey.pem")
				require.NoError(t, os.WriteFile(filepath.Join(home, "big"), make([]byte, 64<<20), 0o644))
				up, got := c.shown(t)
				require.Equal(t, old, got)
				down, _ := c.shown(t)
				upload, err := up.Open("STOR upload")
				require.NoError(t, err)
				_, err = io.WriteString(upload, "first half, ")
				require.NoError(t, err)
				download, err := down.Open("RETR big")
				require.NoError(t, err)
				_, err = io.ReadFull(download, make([]byte, 1000))
				require.NoError(t, err)
				before := told[status](t, c, "status").Certificate.Fingerprint

				renewed := x.renew(t, c, dir, old)
				c.showsSoon(t, renewed, old)
				require.NotEqual(t, before, told[status](t, c, "status").Certificate.Fingerprint)
				_, err = io.WriteString(upload, "second half")
				require.NoError(t, err)
				require.NoError(t, upload.Close())
				require.NoError(t, up.Done())
				rest, err := ftpclient.ReadAll(download)
				require.NoError(t, err)
				require.Len(t, rest, 64<<20-1000)
				require.NoError(t, down.Done())
				for _, client := range []*ftpclient.Client{up, down} {
					text, err := client.Get("RETR upload")
					require.NoError(t, err)
					require.Equal(t, "first half, second half", text)
				}
			})
		}
	}
}
