package server_test

import (
	"bufio"
	stdtls "crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var guesses = &stdtls.Config{InsecureSkipVerify: true}

// hostile are things that connections of strangers do until they are closed.
var hostile = map[string]func(conn net.Conn){
	"silence":        func(net.Conn) {},
	"half handshake": func(conn net.Conn) { io.WriteString(conn, "AUTH TLS\r\n\x16\x03\x01\x02\x00\x01") },
	"NOOP":           func(conn net.Conn) { forever(conn, "NOOP\r\n") },
	"NOOP over TLS": func(conn net.Conn) {
		io.WriteString(conn, "AUTH TLS\r\n")
		bufio.NewReaderSize(conn, 16).ReadString('\n') // the greeting
		time.Sleep(10 * time.Millisecond)
		if sec := stdtls.Client(conn, &stdtls.Config{InsecureSkipVerify: true}); sec.Handshake() == nil {
			forever(sec, "NOOP\r\n")
		}
	},
	"a line without end": func(conn net.Conn) { forever(conn, strings.Repeat("x", 4096)) },
	"guesses":            func(conn net.Conn) { guessPasswords(conn, guesses, "bob", false) },
	"names":              func(conn net.Conn) { guessPasswords(conn, guesses, conn.LocalAddr().String(), false) },
	"hanging up":         func(conn net.Conn) { guessPasswords(conn, guesses, "bob", true) },
}

// forever sends without waiting for what comes back.
func forever(conn net.Conn, line string) {
	go io.Copy(io.Discard, conn)
	line = strings.Repeat(line, 1+4096/len(line))
	for err := error(nil); err == nil; {
		_, err = io.WriteString(conn, line)
	}
}

// Two hundred connections of one address, each doing one of these again and again,
// keep nobody there from their files. Under the race detector, where all is ten
// times slower, it is a fifth of them.
func TestHostileAddress(t *testing.T) {
	addr := startFairServer(t)
	cfg := &stdtls.Config{InsecureSkipVerify: true}
	visit := func(user string) {
		t.Helper()
		began := time.Now()
		c := newClient(t, dialTCP(t, addr), cfg)
		c.expect(220)
		c.authTLS()
		c.cmd(331, "USER %s", user)
		c.cmd(230, "PASS %s", testPassword)
		c.protect()
		c.cmd(200, "TYPE I")
		require.Equal(t, "content", c.get("RETR a"))
		c.cmd(221, "QUIT")
		t.Logf("%s was served in %v", user, time.Since(began))
	}
	visit("bob")
	stop := make(chan struct{})
	var all sync.WaitGroup
	many := 200
	if raceEnabled {
		many /= 5
	}
	for _, do := range hostile {
		for range many / len(hostile) {
			all.Go(func() { attackConn(addr, do, stop) })
		}
	}
	time.Sleep(time.Second)
	for range 3 {
		visit("bob") // has been here before, and is guessed at
		visit("carol")
	}
	close(stop)
	all.Wait()
}

// attackConn connects again and again until stop.
func attackConn(addr string, do func(net.Conn), stop <-chan struct{}) {
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		over := make(chan struct{})
		go func() {
			do(conn)
			io.Copy(io.Discard, conn)
			close(over)
		}()
		select {
		case <-over:
			conn.Close()
		case <-stop:
			conn.Close()
			<-over
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
	}
}
