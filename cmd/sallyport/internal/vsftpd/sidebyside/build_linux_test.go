package sidebyside

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// build builds sallyport and its helper for PAM into a directory.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := os.Stat("/usr/include/security/pam_appl.h"); err != nil {
		testenv.Missing(t, "libpam's headers (Debian: libpam0g-dev): %v", err)
	}
	for _, name := range []string{"sallyport", "sallyport-pam"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "pam", "-o", filepath.Join(dir, name), ".")
		cmd.Dir, cmd.Env = filepath.Join("../../../..", name), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=1", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return dir
}

// hashed returns the hash of the password of all users, one that is soon computed.
func hashed(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.NeedBinary(t, "mkpasswd"), "-s", "-m", "sha256crypt", "-R", "1000")
	cmd.Stdin = strings.NewReader(alice.Password + "\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// certificate returns a certificate and its key.
func certificate(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}
