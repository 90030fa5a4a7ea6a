package server_test

import (
	"context"
	"fmt"
	"net"
	"net/textproto"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// connect serves on loopback and returns a client's connection and its greeting. A
// client speaks TLS first; examples leave that out.
func connect(srv *server.Server) *textproto.Conn {
	srv.InsecurePlaintext = true
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go srv.Serve(ln)
	c, err := textproto.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	return c
}

// showReply prints the next reply of a server.
func showReply(c *textproto.Conn) {
	code, text, err := c.ReadResponse(0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(code, text)
}

// converse sends commands and prints the replies.
func converse(c *textproto.Conn, lines ...string) {
	for _, line := range lines {
		c.PrintfLine("%s", line)
		showReply(c)
	}
}

// A login that is refused for another reason than a wrong password is told why.
func ExampleServer_loginRefused() {
	users := driver.User("alice", "correct horse", driver.Mem())
	srv := &server.Server{
		Driver: driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := users.Login(ctx, l) // the password first: words are for the account's owner
			if err != nil {
				return nil, err
			}
			if l.User == "alice" {
				return nil, &driver.Error{Code: 530, Text: "The account has expired; write to help@example.com."}
			}
			return account, nil
		}),
	}
	defer srv.Close()
	c := connect(srv)
	showReply(c)
	converse(c, "USER alice", "PASS wrong", "USER alice", "PASS correct horse")
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 530 Login incorrect.
	// 331 Password required.
	// 530 The account has expired; write to help@example.com.
}
