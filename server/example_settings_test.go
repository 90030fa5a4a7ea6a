package server_test

import (
	"fmt"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// Users, certificates and limits change while the server runs; whoever is logged in
// stays.
func ExampleServer_Update() {
	srv := &server.Server{Driver: driver.User("alice", "correct horse", driver.Mem())}
	c := connect(srv)
	defer srv.Close()
	showReply(c)
	converse(c, "USER alice", "PASS correct horse")

	err := srv.Update(func(s *server.Settings) {
		s.Driver = driver.User("bob", "battery staple", driver.Mem())
		s.Disabled = []string{"DELE"}
	})
	fmt.Println(err)
	converse(c, "PWD", "DELE a.txt", "USER alice", "PASS correct horse", "USER bob", "PASS battery staple", "DELE a.txt")

	// Settings that are wrong change nothing.
	fmt.Println(srv.Update(func(s *server.Settings) { s.Disabled = []string{"DELETE"} }))
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// <nil>
	// 257 "/" is the current directory.
	// 550 No such file or directory.
	// 331 Password required.
	// 530 Login incorrect.
	// 331 Password required.
	// 230 Logged in.
	// 502 DELE is switched off.
	// server: Disabled: "DELETE" is no command: want one such as DELE or SITE CHMOD
}

// A driver says with an account's files what the account may not do, and what it
// has to do, such as use TLS.
func ExampleServer_policy() {
	files := driver.Mem()
	hash, err := driver.HashKnown("battery staple")
	if err != nil {
		panic(err)
	}
	srv := &server.Server{Driver: driver.Users{
		"camera":  {Hash: hash, Files: files, Policy: driver.Policy{Disabled: []string{"RETR", "LIST", "NLST", "MLSD"}, UploadRate: 1 << 20}},
		"partner": {Hash: hash, Files: files, Policy: driver.Policy{RequireTLS: true, RequirePrivate: true, MaxSessions: 2}},
	}}
	c := connect(srv) // srv allows clear text, for the sake of the camera
	defer srv.Close()
	showReply(c)
	converse(c, "USER camera", "PASS battery staple", "RETR a.txt", "USER partner", "PASS battery staple")
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// 502 RETR is switched off.
	// 331 Password required.
	// 530 TLS is required for this user: send AUTH TLS first.
}
