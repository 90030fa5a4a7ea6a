package proxyproto

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// The configuration that the guide names works with a real HAProxy, by either
// version of the protocol, and stock clients notice nothing.
func TestHAProxy(t *testing.T) {
	haproxy := testenv.NeedBinary(t, "haproxy")
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(send, func(t *testing.T) {
			s := serve(t, &Protocol{Trusted: []netip.Prefix{netip.MustParsePrefix(serverHost + "/32")}})
			startHAProxy(t, haproxy, s, send)
			for source, run := range map[string]func(t *testing.T, s *site, source string, implicit bool){"127.0.0.2": curl, "127.0.0.3": lftp} {
				for _, implicit := range []bool{false, true} {
					before := len(s.moved())
					run(t, s, source, implicit)
					from := netip.MustParseAddr(source)
					for _, x := range s.moved()[before:] {
						require.NoError(t, x.Err)
						require.Equal(t, from, x.Session.Peer.Addr())
						require.Equal(t, from, x.Peer.Addr())
						require.Equal(t, netip.MustParseAddr(balancerHost), x.Session.Local.Addr())
					}
					require.GreaterOrEqual(t, len(s.moved())-before, 3)
				}
			}
			// HAProxy has looked several times by now, and nobody was told.
			time.Sleep(500 * time.Millisecond)
			require.NotContains(t, s.log.String(), "peer="+serverHost)
			require.NotContains(t, s.log.String(), "refused")
		})
	}
}

// The guide shows the configuration that is tested.
func TestGuide(t *testing.T) {
	text := func(name ...string) string {
		raw, err := os.ReadFile(filepath.Join(name...))
		require.NoError(t, err)
		return strings.ReplaceAll(string(raw), "\r\n", "\n")
	}
	require.Contains(t, text("..", "docs", "firewalls.md"), text("testdata", "haproxy.cfg"))
}

// startHAProxy runs HAProxy with the configuration of the guide, except for
// addresses.
func startHAProxy(t *testing.T, file string, s *site, send string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "haproxy.cfg"))
	require.NoError(t, err)
	config := "global\n    maxconn 200\n" + strings.ReplaceAll(string(raw), "\r\n", "\n")
	for _, c := range [][2]string{
		{"bind :21\n", fmt.Sprintf("bind %s:%d\n", balancerHost, s.explicit)},
		{"bind :990\n", fmt.Sprintf("bind %s:%d\n", balancerHost, s.implicit)},
		{"bind :21000-21010\n", fmt.Sprintf("bind %s:%d-%d\n", balancerHost, s.data[0], s.data[len(s.data)-1])},
		{"10.0.0.5", serverHost},
		{"port 21 ", fmt.Sprintf("port %d ", s.explicit)},
		{"inter 10s", "inter 50ms"},
		{"send-proxy-v2", send},
	} {
		require.Equal(t, 1, strings.Count(config, c[0]), c[0])
		config = strings.Replace(config, c[0], c[1], 1)
	}
	cfg := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(cfg, []byte(config), 0o600))
	cmd := exec.Command(file, "-db", "-f", cfg)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("HAProxy:\n%s\n%s", config, said.String())
		}
	})
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 4)}} // not to be taken for a health check
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := d.Dial("tcp", hostPort(balancerHost, s.implicit))
		if err == nil {
			c.Close()
			break
		}
		require.True(t, time.Now().Before(end), "HAProxy does not listen")
	}
}

// seed writes a file to send and returns its content.
func seed(t *testing.T, name string) []byte {
	t.Helper()
	data := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{}).Read(data)
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return data
}

func want(t *testing.T, name string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.True(t, bytes.Equal(got, data), "%s differs", name)
}

// stock runs a client and returns what it wrote.
func stock(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.NeedBinary(t, name), args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoErrorf(t, err, "%s: %s", name, &stderr)
	return string(out)
}

func curl(t *testing.T, s *site, source string, implicit bool) {
	base := []string{"-q", "-sSv", "--interface", source, "--user", user + ":" + password, "--cacert", s.ca, "--no-ftp-skip-pasv-ip"}
	url := fmt.Sprintf("ftp://%s:%d/", balancerHost, s.explicit)
	if implicit {
		url = fmt.Sprintf("ftps://%s:%d/", balancerHost, s.implicit)
	}
	dir := t.TempDir()
	data := seed(t, filepath.Join(dir, "up"))
	for _, mode := range [][]string{{"--ssl-reqd"}, {"--ssl-reqd", "--disable-epsv"}, nil} {
		if implicit && mode == nil {
			continue
		}
		args := append(base, mode...)
		stock(t, "", "curl", append(args, "-T", filepath.Join(dir, "up"), url+"curl")...)
		want(t, filepath.Join(s.dir, "curl"), data)
		stock(t, "", "curl", append(args, "-o", filepath.Join(dir, "down"), url+"curl")...)
		want(t, filepath.Join(dir, "down"), data)
		require.Contains(t, stock(t, "", "curl", append(args, url)...), " curl\n")
	}
}

func lftp(t *testing.T, s *site, source string, implicit bool) {
	url := fmt.Sprintf("ftp://%s:%d", balancerHost, s.explicit)
	if implicit {
		url = fmt.Sprintf("ftps://%s:%d", balancerHost, s.implicit)
	}
	dir := t.TempDir()
	data := seed(t, filepath.Join(dir, "up"))
	out := stock(t, strings.Join([]string{
		"set cmd:fail-exit yes",
		"set net:max-retries 1",
		"set net:timeout 10",
		"set net:socket-bind-ipv4 " + source,
		"set ftp:fix-pasv-address no",
		"set ftp:ssl-force yes",
		"set ssl:ca-file " + s.ca,
		fmt.Sprintf("open -u %s,'%s' %s", user, password, url),
		"put " + filepath.Join(dir, "up") + " -o lftp",
		"get lftp -o " + filepath.Join(dir, "down"),
		"cls -1",
		"exit", "",
	}, "\n"), "lftp", "--norc")
	want(t, filepath.Join(s.dir, "lftp"), data)
	want(t, filepath.Join(dir, "down"), data)
	require.Contains(t, out, "lftp\n")
}
