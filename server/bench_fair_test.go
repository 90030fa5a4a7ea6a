package server_test

import (
	"bufio"
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// fairServer is a variable of the environment. It makes this program the server of
// BenchmarkVisitBesideOthers, on the data ports in its value.
const fairServer = "SALLYPORT_FAIR_SERVER"

// BenchmarkVisitBesideOthers measures an honest visit (TLS, login, a listing, a
// download) to a server in a process of its own, beside twenty connections that
// never wait for a reply. It should take no longer than three times the median of a
// visit beside nobody.
//
//	go test ./server -run '^$' -bench VisitBesideOthers -benchtime 50x
func BenchmarkVisitBesideOthers(b *testing.B) {
	addr := startFairServer(b)
	for _, other := range []struct {
		name, line string
		tls, in    bool
	}{
		{name: "nobody"},
		{name: "strangers/clear", line: "NOOP"},
		{name: "strangers/tls", line: "NOOP", tls: true},
		{name: "strangers/help", line: "HELP", tls: true},
		{name: "strangers/endless", line: noEnd},
		{name: "strangers/endless_tls", line: noEnd, tls: true},
		{name: "users/noop", line: "NOOP", in: true},
		{name: "users/noop_tls", line: "NOOP", in: true, tls: true},
		{name: "users/hash", line: "HASH big", in: true},
		{name: "users/glob", line: "STAT many/*nothing*", in: true},
		{name: "users/stat", line: "STAT many", in: true},
	} {
		b.Run(other.name, func(b *testing.B) {
			var all sync.WaitGroup
			defer all.Wait()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			for range 20 {
				if other.line != "" {
					all.Go(func() { pipeline(ctx, addr, other.line, other.tls, other.in) })
				}
			}
			time.Sleep(time.Second)
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				fairVisit(b, addr)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(took[len(took)/2]), "median-ms")
			b.ReportMetric(ms(took[len(took)-1]), "worst-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// noEnd stands for a line that never ends.
const noEnd = "x"

// runFairServer serves until its input ends.
func runFairServer() {
	files := driver.Mem()
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	put := func(name string, data []byte) {
		up, err := files.Store(ctx, name, driver.StoreOptions{})
		must(err)
		_, err = up.Write(data)
		must(err)
		must(up.Commit())
		must(up.Close(nil))
	}
	put("big", make([]byte, 256<<20))
	put("a", []byte("content"))
	must(files.Mkdir(ctx, "many"))
	for i := range 20_000 {
		put(fmt.Sprintf("many/%060d", i), nil)
	}
	known, err := driver.HashKnown(testPassword)
	must(err)
	slow, err := bcrypt.GenerateFromPassword([]byte(testPassword), 6) // the race detector makes the usual cost 3 seconds
	must(err)
	hashed := driver.UserEntry{Hash: string(slow), Files: files}
	users := driver.Users{testUser: {Hash: known, Files: files}, "bob": hashed, "carol": hashed}
	ports, err := passive.Range(os.Getenv(fairServer))
	must(err)
	srv := &server.Server{Driver: users, TLS: certificate(), Passive: ports, InsecurePlaintext: true}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go srv.Serve(ln)
	fmt.Println(ln.Addr())
	io.Copy(io.Discard, os.Stdin)
	srv.Close()
	ports.Close()
}

func startFairServer(b testing.TB) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fairServer+"="+testenv.FreePortSet(b, 3))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

func fairVisit(b *testing.B, addr string) {
	c := newClient(b, dialTCP(b, addr), &stdtls.Config{InsecureSkipVerify: true})
	c.expect(220)
	c.authTLS()
	c.login()
	c.protect()
	c.cmd(200, "TYPE I")
	require.Contains(b, c.get("LIST"), "many")
	require.Equal(b, "content", c.get("RETR a"))
	c.cmd(221, "QUIT")
	c.Conn.Close()
}

// pipeline sends a line again and again and reads all that comes, until ctx ends.
func pipeline(ctx context.Context, addr, line string, secure, in bool) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	r := bufio.NewReader(conn)
	say := func(format string, args ...any) {
		fmt.Fprintf(conn, format+"\r\n", args...)
		r.ReadString('\n')
	}
	r.ReadString('\n')
	if secure {
		say("AUTH TLS")
		conn = stdtls.Client(conn, &stdtls.Config{InsecureSkipVerify: true})
		r.Reset(conn)
	}
	if in {
		say("USER %s", testUser)
		say("PASS %s", testPassword)
	}
	go io.Copy(io.Discard, r)
	lines := strings.Repeat(line+"\r\n", 4096/(len(line)+2))
	if line == noEnd {
		lines = strings.Repeat("x", 4096)
	}
	for err == nil {
		_, err = io.WriteString(conn, lines)
	}
}
