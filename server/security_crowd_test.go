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

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

var guesses = &stdtls.Config{InsecureSkipVerify: true}

// hostile lists what connections do until they are closed: connections of strangers
// and of somebody with an account.
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

	"patterns":              func(conn net.Conn) { logIn(conn).repeat("STAT many/*[bbbbbbbb]*[cccccccc]*x") },
	"silence on data ports": func(conn net.Conn) { logIn(conn).connect("") },
	"stalled downloads":     func(conn net.Conn) { logIn(conn).connect("RETR big") },
	"stalled listings":      func(conn net.Conn) { logIn(conn).connect("LIST many") },
}

// An intruder is a session of somebody who has an account.
type intruder struct{ *ftpclient.Client }

func logIn(conn net.Conn) *intruder {
	cfg := guesses.Clone()
	cfg.ServerName, cfg.ClientSessionCache = "localhost", stdtls.NewLRUClientSessionCache(0)
	in := &intruder{ftpclient.New(conn, cfg)}
	if _, err := in.Expect(220); err == nil && in.AuthTLS() == nil {
		in.Login(testUser, testPassword)
	}
	return in
}

// repeat sends a command again and again, and waits for the replies.
func (in *intruder) repeat(line string) {
	for in.Send(line) == nil {
		if _, err := in.ReadReply(); err != nil {
			return
		}
	}
}

// connect begins a transfer, or opens a data connection for no transfer, and leaves
// it there.
func (in *intruder) connect(command string) {
	at, err := in.EPSV()
	if err != nil {
		return
	}
	data, err := net.Dial("tcp", at)
	if err != nil {
		return
	}
	defer data.Close()
	if command != "" {
		if _, err := in.Cmd(150, command); err == nil {
			if _, err := in.DataTLS(data); err != nil {
				return
			}
		}
	}
	io.Copy(io.Discard, in.Lines)
}

// forever sends without waiting for what comes back.
func forever(conn net.Conn, line string) {
	go io.Copy(io.Discard, conn)
	line = strings.Repeat(line, 1+4096/len(line))
	for err := error(nil); err == nil; {
		_, err = io.WriteString(conn, line)
	}
}

// Two hundred connections of one address, each with an attack of hostile again and
// again, keep nobody at that address from getting a file. Under the race detector,
// which makes everything ten times slower, there are a fifth as many.
func TestHostileAddress(t *testing.T) {
	addr := startFairServer(t)
	// Only proof tells the visitor from an intruder with an account at the same
	// address.
	cfg := &stdtls.Config{InsecureSkipVerify: true, ServerName: "localhost"}
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
	many, rounds := 200, 3
	if raceEnabled {
		many, rounds = many/5, 1
	}
	for _, do := range hostile {
		for range many / len(hostile) {
			all.Go(func() { attackConn(addr, do, stop) })
		}
	}
	time.Sleep(time.Second)
	for range rounds {
		visit("bob") // bob has logged in before, and his password is guessed at
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
