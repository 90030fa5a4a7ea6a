package server_test

import (
	"bufio"
	"crypto/fips140"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// With GODEBUG=fips140=on crypto/tls drops X25519. If the server narrowed key
// exchange to X25519 alone there would be none left, and each data connection that
// resumes its session would fail. The mode is chosen when a process starts, so this
// run of the test is the client, which offers X25519, and starts another run as the
// server.
func TestResumedTransferUnderFIPS(t *testing.T) {
	if fips140.Enabled() {
		serveUnderFIPS(t)
		return
	}
	ts := serverUnderFIPS(t)
	c := ts.login(t)
	for range 2 {
		data := c.open("RETR a")
		require.True(t, data.(*stdtls.Conn).ConnectionState().DidResume)
		require.Equal(t, "some", readAll(t, data))
		data.Close()
		c.expect(226)
	}
	c.put("more", "STOR a")
	require.Equal(t, "more", c.get("RETR a"))
}

// serveUnderFIPS prints the address and the certificate of its server, and serves
// until nobody wants to write to it any more.
func serveUnderFIPS(t *testing.T) {
	ts := start(t)
	ts.writeFile(t, "a", "some")
	fmt.Println("\n"+ts.Addr, base64.StdEncoding.EncodeToString(ts.TLS.Certificates[0].Certificate[0]))
	io.Copy(io.Discard, os.Stdin)
}

func serverUnderFIPS(t *testing.T) *testServer {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestResumedTransferUnderFIPS$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	var addr, der string
	for lines := bufio.NewScanner(out); der == "" && lines.Scan(); {
		fmt.Sscan(lines.Text(), &addr, &der)
	}
	raw, err := base64.StdEncoding.DecodeString(der)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	go io.Copy(io.Discard, out)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &testServer{Addr: addr, Config: &stdtls.Config{RootCAs: pool, ServerName: "localhost"}}
}
