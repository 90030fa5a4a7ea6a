package examples

import (
	"bytes"
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/tls"
)

const (
	balancerHost = "127.0.0.9"
	portsEach    = 10
)

var hosts = []string{"127.0.0.5", "127.0.0.6"}

// farm is two instances of the example behind an HAProxy with its configuration.
type farm struct {
	control, data int // the port for clients, and the first data port
	ca            string
	client        *stdtls.Config
	instances     []*exec.Cmd
}

func (f *farm) addr() string { return fmt.Sprintf("%s:%d", balancerHost, f.control) }

// owner returns the instance that has a data port.
func (f *farm) owner(port int) int { return (port - f.data) / portsEach }

func startFarm(t *testing.T) *farm {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only 127.0.0.1 is configured here")
	}
	haproxy := testenv.NeedBinary(t, "haproxy")
	store := s3test.Start(t)
	store.Bucket(t, "exchange")
	control := testenv.FreePorts(t, 1+portsEach*len(hosts))
	f := &farm{control: control, data: control + 1}
	args := append(f.certificate(t), "-passive", fmt.Sprintf("%d-%d", f.data, f.data+portsEach*len(hosts)-1),
		"-balancer", "127.0.0.1/32", "-endpoint", store.Addr, "-region", s3test.Region, "-insecure-http")
	file := build(t, "balanced")
	for i, host := range hosts {
		listen := fmt.Sprintf("%s:%d", host, control)
		f.instances = append(f.instances, start(t, file, listen,
			append([]string{"-listen", listen, "-instance", strconv.Itoa(i), "-instances", strconv.Itoa(len(hosts))}, args...)...))
	}
	start(t, haproxy, f.addr(), "-db", "-f", f.config(t))
	return f
}

// certificate makes the certificate of all instances, which the clients trust,
// and returns the options for it.
func (f *farm) certificate(t *testing.T) []string {
	t.Helper()
	cert, err := tls.SelfSigned(balancerHost, "localhost")
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(cert.Certificates[0].PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	f.ca = filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(f.ca, tls.CertPEM(cert), 0o600))
	keyFile := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	roots := x509.NewCertPool()
	roots.AddCert(cert.Certificates[0].Leaf)
	f.client = &stdtls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	return []string{"-cert", f.ca, "-key", keyFile}
}

// config writes haproxy.cfg of the example with the addresses of the test, and
// returns the name of the file.
func (f *farm) config(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("balanced", "haproxy.cfg"))
	require.NoError(t, err)
	config := string(raw)
	for _, c := range [][2]string{
		{"bind :21\n", fmt.Sprintf("bind %s\n", f.addr())},
		{"bind :21000-21009\n", fmt.Sprintf("bind %s:%d-%d\n", balancerHost, f.data, f.data+portsEach-1)},
		{"bind :21010-21019\n", fmt.Sprintf("bind %s:%d-%d\n", balancerHost, f.data+portsEach, f.data+2*portsEach-1)},
		{"10.0.0.5:21 ", fmt.Sprintf("%s:%d ", hosts[0], f.control)},
		{"10.0.0.6:21 ", fmt.Sprintf("%s:%d ", hosts[1], f.control)},
		{"10.0.0.5 ", hosts[0] + " "},
		{"10.0.0.6 ", hosts[1] + " "},
	} {
		require.Equal(t, 1, strings.Count(config, c[0]), c[0])
		config = strings.Replace(config, c[0], c[1], 1)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, []byte("global\n    maxconn 200\n"+config), 0o600))
	return file
}

// lftp sends and fetches many files over several connections at once, which go to
// both instances. Each transfer goes to the instance to which its login went.
func TestBalanced(t *testing.T) {
	f := startFarm(t)
	const files = 40
	up, down := t.TempDir(), t.TempDir()
	for i := range files {
		data := make([]byte, 1+rand.IntN(200_000))
		rand.NewChaCha8([32]byte{byte(i)}).Read(data)
		require.NoError(t, os.WriteFile(filepath.Join(up, fmt.Sprint(i)), data, 0o600))
	}
	used := f.lftp(t, "mkdir in", "mirror -R -P 4 "+up+" in", "mirror -P 4 in "+down)
	require.GreaterOrEqual(t, len(used), 2*files)
	byOwner := make(map[int]int)
	for _, port := range used {
		byOwner[f.owner(port)]++
	}
	require.Len(t, byOwner, 2, "transfers of each instance: %v", byOwner)
	t.Logf("transfers of each instance: %v", byOwner)
	for i := range files {
		want, err := os.ReadFile(filepath.Join(up, fmt.Sprint(i)))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(down, fmt.Sprint(i)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "file %d", i)
	}

	// Stop one instance: the files that were stored through it are there.
	require.NoError(t, f.instances[0].Process.Kill())
	again := t.TempDir()
	used = f.lftp(t, "mirror in "+again)
	for _, port := range used {
		require.Equal(t, 1, f.owner(port))
	}
	entries, err := os.ReadDir(again)
	require.NoError(t, err)
	require.Len(t, entries, files)
}

// lftp runs commands of the program lftp and returns the data ports that it was
// told.
func (f *farm) lftp(t *testing.T, commands ...string) []int {
	t.Helper()
	script := append([]string{
		"set cmd:fail-exit yes",
		"set net:max-retries 5",
		"set net:reconnect-interval-base 1",
		"set net:timeout 20",
		"set ftp:ssl-force yes",
		"set ftp:fix-pasv-address no",
		"set ssl:ca-file " + f.ca,
		"debug 5",
		fmt.Sprintf("open -u %s,%s ftp://%s", user, password, f.addr()),
	}, commands...)
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.NeedBinary(t, "lftp"), "--norc")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(strings.Join(append(script, "exit", ""), "\n"))
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoErrorf(t, cmd.Run(), "%s", &out)
	var ports []int
	for _, m := range announced.FindAllStringSubmatch(out.String(), -1) {
		hi, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		lo, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		ports = append(ports, hi<<8|lo)
	}
	return ports
}

var announced = regexp.MustCompile(`227 .*\(127,0,0,9,(\d+),(\d+)\)`)

// A client that keeps the tickets of all connections in one place offers tickets
// of one instance to the other, which can't read them. Control connections never
// resume, and lose nothing; a data connection then proves nothing, and is let in
// like the connection of a client that doesn't resume.
func TestTicketsOfTheOtherInstance(t *testing.T) {
	f := startFarm(t)
	clients := make(map[int]*ftpclient.Client)
	for range 8 {
		c, err := ftpclient.Dial(f.addr(), false, f.client, user, password)
		require.NoError(t, err)
		defer c.Close()
		at, err := c.EPSV()
		require.NoError(t, err)
		if clients[f.owner(int(netip.MustParseAddrPort(at).Port()))] = c; len(clients) == 2 {
			break
		}
	}
	require.Len(t, clients, 2, "every login went to one instance")
	for range 3 {
		for i, c := range clients {
			require.NoError(t, c.Put(fmt.Sprintf("STOR from%d", i), fmt.Sprint("by ", i)))
			got, err := clients[1-i].Get(fmt.Sprintf("RETR from%d", i))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("by ", i), got)
		}
	}
}

// docs/s3.md shows the configuration that is tested.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "s3.md"))
	require.NoError(t, err)
	config, err := os.ReadFile(filepath.Join("balanced", "haproxy.cfg"))
	require.NoError(t, err)
	require.Contains(t, string(guide), string(config))
}
