// Deliver is a client: it sends a file by implicit FTPS. Its test shows what
// this example is about, a throwaway server inside a test.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/textproto"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: FTP_PASSWORD=... deliver HOST:PORT USER NAME < FILE")
	}
	if err := deliver(os.Args[1], nil, os.Args[2], os.Getenv("FTP_PASSWORD"), os.Args[3], os.Stdin); err != nil {
		log.Fatal(err)
	}
}

func deliver(addr string, config *tls.Config, user, password, name string, file io.Reader) error {
	ctl, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return err
	}
	defer ctl.Close()
	c := textproto.NewConn(ctl)
	var port string
	_, _, err = c.ReadResponse(220)
	for _, step := range []struct {
		line string
		code int
	}{{"USER " + user, 331}, {"PASS " + password, 230}, {"TYPE I", 200}, {"EPSV", 229}} {
		if err == nil {
			err = c.PrintfLine("%s", step.line)
		}
		if err == nil {
			_, port, err = c.ReadResponse(step.code)
		}
	}
	if err != nil {
		return err
	}
	// 229 Entering Extended Passive Mode (|||21003|)
	host, _, _ := net.SplitHostPort(addr)
	port = strings.Trim(port[strings.Index(port, "(")+1:], "(|)")
	if err := c.PrintfLine("STOR %s", name); err != nil {
		return err
	}
	data, err := tls.Dial("tcp", net.JoinHostPort(host, port), config)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, _, err := c.ReadResponse(150); err != nil {
		return err
	}
	if _, err := io.Copy(data, file); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	if _, _, err := c.ReadResponse(226); err != nil {
		return fmt.Errorf("%s was not stored: %w", name, err)
	}
	return nil
}
