package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// limitArg, as the first argument, makes this program the process that
// limitContender starts. It calls runLimit.
const limitArg = "limit-server"

// limitName is the name of the limit in reports.
const limitName = "crypto/tls alone"

// limitBlock is how many bytes the limit reads and writes at once.
const limitBlock = 256 << 10

// limits returns the workload of the limit: a program that only sends a file
// over TLS, as fast as crypto/tls allows a Go program to.
func limits() []workload {
	return []workload{{
		name:  "limit",
		title: "Send 1 GiB with crypto/tls, without FTP: what any server in Go pays",
		unit:  "GiB",
		only:  []string{limitName},
		run:   limit,
	}}
}

func limit(ctx context.Context, l *load) (sample, error) {
	size := int64(gib)
	if l.quick {
		size /= 128
	}
	what := content{size: size}
	name := fmt.Sprintf("bulk/%d", size)
	if err := l.file(name, what); err != nil {
		return nil, err
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	return l.measure(false, func() (float64, error) {
		return float64(size) / gib, d.limit(ctx, name, what)
	})
}

// limit fetches a file from the process of the limit.
func (d *dialer) limit(ctx context.Context, name string, what content) error {
	deadline := time.Now().Add(5 * time.Minute)
	raw, err := d.dial(ctx, d.addr, deadline)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	_ = raw.SetDeadline(deadline)
	conn := tls.Client(
		&gatherConn{Conn: raw, in: make([]byte, limitBlock)},
		&tls.Config{RootCAs: d.roots, ServerName: "localhost", MinVersion: tls.VersionTLS13},
	)
	defer conn.Close()
	if _, err := io.WriteString(conn, name+"\n"); err != nil {
		return err
	}
	check := checker{content: what}
	if _, err := io.CopyBuffer(struct{ io.Writer }{&check}, struct{ io.Reader }{conn}, make([]byte, limitBlock)); err != nil {
		return err
	}
	return check.whole()
}

// limitContender returns the contender that starts this program as the limit.
func limitContender() contender {
	return contender{name: limitName, start: startLimit}
}

func startLimit(ctx context.Context, s *setup) (*instance, error) {
	p, err := startItself(ctx, limitArg, s.cert, s.key, s.root)
	if err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(p.out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &instance{contender: limitName, addr: strings.TrimSpace(addr), pid: p.pid, stop: p.stop}, nil
}

// runLimit runs the limit: it prints the address that it listens on, and
// sends clients the files that they name, until standard input ends. The
// arguments behind limitArg are certificate, key and the directory of the
// files.
func runLimit() {
	if err := serveLimit(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, limitArg+":", err)
		os.Exit(1)
	}
}

func serveLimit(args []string) error {
	if len(args) != 3 {
		return errors.New("want a certificate, a key and a directory")
	}
	cert, err := tls.LoadX509KeyPair(args[0], args[1])
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(args[2])
	if err != nil {
		return err
	}
	defer root.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ln.Close()
	}()
	config := &tls.Config{Certificates: []tls.Certificate{cert}, DynamicRecordSizingDisabled: true}
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sendLimit(conn, config, root); err != nil {
			fmt.Fprintln(os.Stderr, limitArg+":", err)
		}
	}
}

// sendLimit sends one client the file that it names.
func sendLimit(raw net.Conn, config *tls.Config, root *os.Root) error {
	wire := &gatherConn{Conn: raw, in: make([]byte, 4<<10), out: make([]byte, 0, limitBlock)}
	conn := tls.Server(wire, config)
	defer conn.Close()
	name, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	file, err := root.Open(strings.TrimSpace(name))
	if err != nil {
		return err
	}
	defer file.Close()
	wire.gather = true
	if _, err := io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{file}, make([]byte, limitBlock)); err != nil {
		return err
	}
	return wire.finish()
}
