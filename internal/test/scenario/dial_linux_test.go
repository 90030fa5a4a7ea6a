package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// These are the outcomes of a connection to a port.
const (
	open    = "open"
	dropped = "dropped" // no answer
	refused = "refused" // by a host that does not listen
)

// dial is the main function of a process that connects to each of the addresses
// it is given, all at once, and prints what came of each.
func dial() int {
	patience, err := time.ParseDuration(os.Getenv("PATIENCE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var all sync.WaitGroup
	for _, addr := range strings.Fields(os.Getenv("ADDRESSES")) {
		all.Go(func() {
			conn, err := net.DialTimeout("tcp", addr, patience)
			var timeout net.Error
			switch {
			case err == nil:
				conn.Close()
				fmt.Println(addr, open)
			case errors.As(err, &timeout) && timeout.Timeout():
				fmt.Println(addr, dropped)
			case errors.Is(err, syscall.ECONNREFUSED):
				fmt.Println(addr, refused)
			default:
				fmt.Println(addr, err)
			}
		})
	}
	all.Wait()
	return 0
}

// expect asserts what comes of connections from a host to some ports of an
// address.
func (w *world) expect(from, want, addr string, ports ...string) {
	w.t.Helper()
	patience := 2 * time.Second
	if want != dropped {
		patience = 20 * time.Second
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	var addrs []string
	for _, port := range ports {
		addrs = append(addrs, net.JoinHostPort(addr, strings.TrimPrefix(port, ":")))
	}
	got := w.must(w.run(program{host: from, path: self, env: []string{
		role + "=dial", "PATIENCE=" + patience.String(), "ADDRESSES=" + strings.Join(addrs, " "),
	}}))
	for _, addr := range addrs {
		if line := addr + " " + want + "\n"; !strings.Contains(got.out, line) {
			w.t.Errorf("from %s: want %s, but it was:\n%s", from, strings.TrimSpace(line), got.out)
		}
	}
}
