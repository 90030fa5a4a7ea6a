// Command crowd makes a machine busy as other programs do that connect a lot: it opens connections over loopback, as
// many a second as its argument says, 2,000 without one, until a signal ends it. A quarter of them stays for a second,
// and all leave their port to the system for a minute (TIME_WAIT). At the end it says how many there were. .ci/busy
// runs tests beside it.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	rate := 2000
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		if err != nil || n < 1 {
			fmt.Fprintln(os.Stderr, "usage: crowd [CONNECTIONS A SECOND]")
			os.Exit(2)
		}
		rate = n
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := crowd(ctx, rate); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// crowd opens connections to eight addresses in turn: to one of them alone the system would run out of ports.
func crowd(ctx context.Context, rate int) error {
	var to [8]string
	for i := range to {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer ln.Close()
		to[i] = ln.Addr().String()
		go serve(ln)
	}
	var opened, failed atomic.Int64
	began, tick := time.Now(), time.NewTicker(10*time.Millisecond)
	for n := 0; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
			addr, stay := to[n%len(to)], n%4 == 0
			go func() {
				if !visit(addr, stay) {
					failed.Add(1)
					return
				}
				opened.Add(1)
			}()
		}
	}
	fmt.Printf("%.0f connections a second, %d failed\n", float64(opened.Load())/time.Since(began).Seconds(), failed.Load())
	return nil
}

// serve takes connections and waits for their end.
func serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(io.Discard, conn)
			conn.Close()
		}()
	}
}

func visit(addr string, stay bool) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	if stay {
		time.Sleep(time.Second)
	}
	conn.Close()
	return true
}
