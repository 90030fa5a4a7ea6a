package server_test

import (
	"bufio"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// attackers is how many connections the benchmarks below have against them.
const attackers = 400

// BenchmarkLoginUnderAttack measures an honest login, over TLS and against bcrypt,
// beside 400 connections that guess. It should take no longer than 2,000 ms in the
// worst case.
//
//	go test ./server -run '^$' -bench LoginUnderAttack -benchtime 20x
func BenchmarkLoginUnderAttack(b *testing.B) {
	one := func(int) string { return "127.0.0.1" }
	each := func(i int) string { return fmt.Sprintf("127.0.%d.%d", 1+i/200, 1+i%200) }
	names := func(i int) string { return fmt.Sprint("u", i) }
	same := func(int) string { return testUser }
	for _, attack := range []struct {
		name       string
		from, user func(i int) string
		hangUp     bool
		known      bool // the honest user logged in from there before
	}{
		{"nobody", nil, nil, false, false},
		{"same_address", one, names, false, false},
		{"same_address/known", one, names, false, true},
		{"same_address/hang_up", one, names, true, false},
		{"same_address_and_name/known", one, same, false, true},
		{"other_addresses", each, names, false, false},
		{"other_addresses/same_name", each, same, false, false},
		{"other_addresses/hang_up", each, names, true, false},
	} {
		b.Run(attack.name, func(b *testing.B) {
			ts := start(b, bcryptUsers(b), func(srv *server.Server) { srv.Logger, srv.Hooks = nil, nil })
			if attack.known {
				honestLogin(b, ts)
			}
			var all sync.WaitGroup
			stop := make(chan struct{})
			for i := range attackers {
				if attack.from != nil {
					all.Go(func() { attackLogin(ts, attack.from(i), attack.user(i), attack.hangUp, stop) })
				}
			}
			if attack.from != nil {
				time.Sleep(5 * time.Second)
			}
			var took []time.Duration
			for b.Loop() {
				took = append(took, honestLogin(b, ts))
				if !attack.known { // the honest user is a new one each time
					time.Sleep(100 * time.Millisecond)
				}
			}
			close(stop)
			all.Wait()
			slices.Sort(took)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(took[len(took)/2]), "median-ms")
			b.ReportMetric(ms(took[len(took)-1]), "worst-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bcryptUsers has the driver know many users with the same password, and testUser.
func bcryptUsers(b *testing.B) func(*server.Server) {
	hash, err := driver.HashPassword(testPassword)
	require.NoError(b, err)
	users := driver.Users{testUser: {Hash: hash, Files: driver.Mem()}}
	for i := range 1000 {
		users[fmt.Sprint("honest", i)] = driver.UserEntry{Hash: hash, Files: driver.Mem()}
	}
	return func(srv *server.Server) { srv.Driver = users }
}

func honestLogin(b *testing.B, ts *testServer) time.Duration {
	began := time.Now()
	c := newClient(b, dialTCP(b, ts.Addr), ts.Config)
	c.expect(220)
	c.authTLS()
	c.login()
	took := time.Since(began)
	c.cmd(221, "QUIT")
	c.Conn.Close()
	return took
}

// attackLogin guesses passwords from an address until stop is closed.
func attackLogin(ts *testServer, from, user string, hangUp bool, stop <-chan struct{}) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	pause := 10 * time.Millisecond
	if hangUp {
		pause = time.Second // otherwise the handshakes would take all of the machine
	}
	for {
		raw, err := d.Dial("tcp", ts.Addr)
		if err != nil {
			return
		}
		over := make(chan struct{})
		go func() {
			select {
			case <-stop:
			case <-over:
			}
			raw.Close()
		}()
		guessPasswords(raw, ts.Config, user, hangUp)
		close(over)
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
	}
}

// guessPasswords guesses until the server hangs up; if hangUp is set it hangs up
// itself after one guess.
func guessPasswords(raw net.Conn, cfg *stdtls.Config, user string, hangUp bool) {
	r := bufio.NewReader(raw)
	r.ReadString('\n')
	io.WriteString(raw, "AUTH TLS\r\n")
	r.ReadString('\n')
	conn := stdtls.Client(raw, cfg)
	r.Reset(conn)
	for err := conn.Handshake(); err == nil; {
		fmt.Fprintf(conn, "USER %s\r\n", user)
		r.ReadString('\n')
		fmt.Fprintf(conn, "PASS wrong\r\n")
		if hangUp {
			time.Sleep(100 * time.Millisecond)
			return
		}
		var line string
		if line, err = r.ReadString('\n'); strings.HasPrefix(line, "421") {
			return
		}
	}
}
