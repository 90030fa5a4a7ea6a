package server_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
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
			account, err := users.Login(ctx, l) // first the password: only the account's owner may read the words
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

// tenant is what this program knows about a customer.
type tenant struct{ Name string }

// watchedFS tells who makes directories. One watchedFS serves all sessions.
type watchedFS struct{ driver.FS }

func (f watchedFS) Mkdir(ctx context.Context, name string) error {
	if session, ok := server.SessionFrom(ctx); ok {
		fmt.Println(session.User, "of", session.Value.(*tenant).Name, "makes", name)
	}
	return f.FS.Mkdir(ctx, name)
}

// A driver learns from every context whose call it serves, and what its Login gave
// the session.
func ExampleSessionFrom() {
	files := watchedFS{driver.Mem()}
	srv := &server.Server{
		Driver: driver.Func(func(_ context.Context, l *driver.Login) (*driver.Account, error) {
			if l.User != "alice" || l.Password != "correct horse" {
				return nil, driver.ErrLogin
			}
			return &driver.Account{FS: files, Value: &tenant{Name: "ACME"}}, nil
		}),
		Hooks: &server.Hooks{
			Logout: func(s server.SessionInfo) { fmt.Println("logout of", s.User, "for", s.Value.(*tenant).Name) },
		},
	}
	defer srv.Close()
	c := connect(srv)
	showReply(c)
	converse(c, "USER alice", "PASS correct horse", "MKD reports", "REIN")
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// alice of ACME makes reports
	// 257 "/reports" created.
	// logout of alice for ACME
	// 220 Ready for a new user.
}

// The sessions of a user who may no longer come are ended, with a reason.
func ExampleServer_DisconnectFunc() {
	srv := &server.Server{Driver: driver.User("alice", "correct horse", driver.Mem())}
	defer srv.Close()
	c := connect(srv)
	showReply(c)
	converse(c, "USER alice", "PASS correct horse")

	ended, err := srv.DisconnectFunc(context.Background(), func(s server.SessionInfo) bool {
		return s.User == "alice"
	}, "The account was closed.")
	fmt.Println(ended, err)
	showReply(c)
	showReply(c)
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// 1 <nil>
	// 421 The account was closed.
	// EOF
}

// A hook may end the session that it hears of. This one ends sessions from a banned
// network before the greeting.
func ExampleServer_Disconnect() {
	banned := netip.MustParsePrefix("127.0.0.0/8")
	srv := new(server.Server)
	srv.Hooks = &server.Hooks{
		Connect: func(s server.SessionInfo) {
			if banned.Contains(s.Peer.Addr()) {
				srv.Disconnect(context.Background(), s.ID, "Not from your network.")
			}
		},
	}
	defer srv.Close()
	c := connect(srv)
	showReply(c)
	// Output:
	// 421 Not from your network.
}

// A hook can keep an audit of what was done to files, by the paths that the
// commands meant.
func ExampleHooks() {
	srv := &server.Server{
		Driver: driver.User("alice", "correct horse", driver.Mem()),
		Hooks: &server.Hooks{
			Command: func(c server.Command) {
				if c.Path != "" && c.Code < 400 {
					fmt.Println("audit:", c.Session.User, c.Line, "means", c.Path, c.From)
				}
			},
		},
	}
	defer srv.Close()
	c := connect(srv)
	showReply(c)
	converse(c, "USER alice", "PASS correct horse", "MKD reports", "CWD reports", "MKD drafts", "RNFR drafts", "RNTO ../final", "REIN")
	// Unordered output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// 257 "/reports" created.
	// audit: alice MKD reports means /reports []
	// 250 "/reports" is the current directory.
	// audit: alice CWD reports means /reports []
	// 257 "/reports/drafts" created.
	// audit: alice MKD drafts means /reports/drafts []
	// 350 Send RNTO with the new name.
	// audit: alice RNFR drafts means /reports/drafts []
	// 250 Renamed.
	// audit: alice RNTO ../final means /final [/reports/drafts]
	// 220 Ready for a new user.
}
