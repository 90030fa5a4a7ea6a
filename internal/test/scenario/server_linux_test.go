package scenario

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// The one user.
const (
	user     = "alice"
	password = "open sesame"
)

// decoys are ports on which the server's host listens, so that nothing but a
// firewall keeps a connection from them.
var decoys = []string{":20", ":22", ":989", ":20999", ":21011", ":50000"}

// serverOptions says how to run the server.
type serverOptions struct {
	Data     string // the set of data ports
	Offset   int    // what a port forwarder adds to them
	Announce string // an address, or rules as passive.ParseRules reads them; empty announces the address dialled
	Clear    bool   // TLS is not required
	CCC      bool   // CCC is allowed, so TLS may end after the login

	Root, CA string // set by start
}

// vendorServer is the server of a world, from outside its process.
type vendorServer struct {
	serverOptions
	stop func()
}

// start starts the server on its host, in place of the one that runs. It ends
// with the test.
func (w *world) start(o serverOptions) *vendorServer {
	w.t.Helper()
	w.stopServer()
	dir := w.t.TempDir()
	o.Root, o.CA = filepath.Join(dir, "root"), filepath.Join(dir, "ca.pem")
	if err := os.Mkdir(o.Root, 0o755); err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.command(w.ctx, program{host: "server", path: self, env: []string{role + "=server"}})
	cmd.Stderr = w
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	s := &vendorServer{serverOptions: o}
	s.stop = func() {
		in.Close() // the server ends at the end of its input
		timer := time.AfterFunc(20*time.Second, func() { cmd.Cancel() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the server: %v", err)
		}
	}
	w.srv = s
	w.t.Cleanup(w.stopServer)
	if _, err := in.Write(append(text, '\n')); err != nil {
		w.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		w.t.Fatalf("the server said %q: %v", line, err)
	}
	return s
}

func (w *world) stopServer() {
	if w.srv != nil {
		w.srv.stop()
		w.srv = nil
	}
}

// serve is the main function of the server's process. Its input is a line of
// options; the end of the input ends the server.
func serve() int {
	if err := serveInput(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		return 1
	}
	return 0
}

func serveInput() error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o serverOptions
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	srv, err := o.server()
	if err != nil {
		return err
	}
	defer srv.Close()
	ended := make(chan error, 3)
	for addr, serve := range map[string]func(net.Listener) error{":21": srv.Serve, ":990": srv.ServeTLS} {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		go func() { ended <- serve(ln) }()
	}
	for _, addr := range decoys {
		if strings.TrimPrefix(addr, ":") == o.Data {
			continue
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		defer ln.Close()
		go decoy(ln)
	}
	fmt.Println("ready")
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	return <-ended
}

func (o serverOptions) server() (*server.Server, error) {
	dir, err := driver.OpenDir(o.Root)
	if err != nil {
		return nil, err
	}
	ports, err := passive.Range(o.Data)
	if err != nil {
		return nil, err
	}
	ports.Offset = o.Offset
	if strings.Contains(o.Announce, "=") {
		if ports.Announce, err = passive.ParseRules(o.Announce); err != nil {
			return nil, err
		}
	} else if o.Announce != "" {
		ports.Announce = passive.Address(o.Announce)
	}
	cert, err := tls.SelfSigned(publicV4, serverV4, serverV6, "127.0.0.1", "::1")
	if err != nil {
		return nil, err
	}
	srv := &server.Server{
		Driver:            driver.User(user, password, dir),
		TLS:               cert,
		Passive:           ports,
		InsecurePlaintext: o.Clear,
		AllowCCC:          o.CCC,
		Logger:            slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return srv, os.WriteFile(o.CA, tls.CertPEM(cert), 0o600)
}

func decoy(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}
