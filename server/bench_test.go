package server_test

import (
	"bufio"
	"bytes"
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// benchServer does what start does, without hooks and log.
func benchServer(b *testing.B, options ...func(*server.Server)) *testServer {
	b.Helper()
	return start(b, append([]func(*server.Server){insecure, func(srv *server.Server) { srv.Hooks, srv.Logger = nil, nil }}, options...)...)
}

// benchLogin returns a session in clear or with TLS.
func (ts *testServer) benchLogin(b *testing.B, secure bool) *client {
	b.Helper()
	if secure {
		return ts.login(b)
	}
	return ts.loginClear(b)
}

const benchSize = 64 << 20

// storages returns a directory and a memory, with a file of benchSize in each.
func storages(b *testing.B) map[string]driver.FS {
	b.Helper()
	dir, err := driver.OpenDir(b.TempDir())
	require.NoError(b, err)
	b.Cleanup(func() { dir.Close() })
	all := map[string]driver.FS{"dir": dir, "mem": driver.Mem()}
	content := string(make([]byte, benchSize))
	for _, files := range all {
		writeFile(b, files, "big", content)
	}
	return all
}

func serving(files driver.FS) func(*server.Server) {
	return func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) }
}

func eachWay(b *testing.B, f func(b *testing.B, files driver.FS, secure bool)) {
	b.Helper()
	for storage, files := range storages(b) {
		for name, secure := range map[string]bool{"clear": false, "TLS1.3": true} {
			b.Run(storage+"/"+name, func(b *testing.B) { f(b, files, secure) })
		}
	}
}

// BenchmarkRETR moves a file. Compare it with BenchmarkBaseline, since both ends
// run here.
func BenchmarkRETR(b *testing.B) {
	eachWay(b, func(b *testing.B, files driver.FS, secure bool) {
		ts := benchServer(b, serving(files))
		c := ts.benchLogin(b, secure)
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			conn := c.open("RETR big")
			n, err := io.Copy(io.Discard, plainReader{conn})
			require.NoError(b, err)
			require.EqualValues(b, benchSize, n)
			conn.Close()
			c.expect(226)
		}
	})
}

func BenchmarkSTOR(b *testing.B) {
	content := make([]byte, 1<<20)
	eachWay(b, func(b *testing.B, files driver.FS, secure bool) {
		ts := benchServer(b, serving(files))
		c := ts.benchLogin(b, secure)
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			conn := c.open("STOR new")
			for range benchSize / len(content) {
				_, err := conn.Write(content)
				require.NoError(b, err)
			}
			conn.Close()
			c.expect(226)
		}
	})
}

// plainReader hides the methods by which io.Copy would copy less than a client
// does.
type plainReader struct{ io.Reader }

// BenchmarkBaseline moves as many bytes over loopback with crypto/tls and
// nothing else.
func BenchmarkBaseline(b *testing.B) {
	for name, secure := range map[string]bool{"clear": false, "TLS1.3": true} {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			defer ln.Close()
			content := make([]byte, 256<<10)
			go func() {
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					if secure {
						conn = stdtls.Server(conn, certificate())
					}
					for range benchSize / len(content) {
						conn.Write(content)
					}
					conn.Close()
				}
			}()
			cfg := trust(certificate())
			cfg.ClientSessionCache = stdtls.NewLRUClientSessionCache(0)
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				conn := dialTCP(b, ln.Addr().String())
				if secure {
					conn = stdtls.Client(conn, cfg)
				}
				n, err := io.Copy(io.Discard, plainReader{conn})
				require.NoError(b, err)
				require.EqualValues(b, benchSize, n)
				conn.Close()
			}
		})
	}
}

// manyFS is a directory of many entries that takes no memory.
type manyFS struct {
	driver.FS
	n int
}

func (m manyFS) List(context.Context, string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for i := range m.n {
			if !yield(manyInfo(i), nil) {
				return
			}
		}
	}
}

type manyInfo int

var benchTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (i manyInfo) Name() string       { return manyNames[int(i)%len(manyNames)] }
func (i manyInfo) Size() int64        { return int64(i) * 1000 }
func (i manyInfo) Mode() fs.FileMode  { return 0o644 }
func (i manyInfo) ModTime() time.Time { return benchTime }
func (i manyInfo) IsDir() bool        { return false }
func (i manyInfo) Sys() any           { return nil }

var manyNames = func() (names [64]string) {
	for i := range names {
		names[i] = fmt.Sprintf("invoice-2026-%06d.pdf", i*12345)
	}
	return names
}()

// BenchmarkList lists 100,000 entries over TLS.
func BenchmarkList(b *testing.B) {
	const entries = 100_000
	for _, verb := range []string{"LIST", "NLST", "MLSD"} {
		b.Run(verb, func(b *testing.B) {
			ts := benchServer(b, serving(manyFS{driver.Mem(), entries}))
			c := ts.login(b)
			b.ReportAllocs()
			for b.Loop() {
				conn := c.open("%s", verb)
				n, err := io.Copy(io.Discard, plainReader{conn})
				require.NoError(b, err)
				b.SetBytes(n)
				conn.Close()
				c.expect(226)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
		})
	}
}

// BenchmarkLogin measures connect, AUTH TLS, USER, PASS and QUIT; also with Nagle's
// algorithm on, as in Python's ftplib, which then waits for every acknowledgement.
func BenchmarkLogin(b *testing.B) {
	ts := benchServer(b)
	cfg := trust(ts.TLS)
	for name, noDelay := range map[string]bool{"no delay": true, "Nagle": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := net.Dial("tcp", ts.Addr)
				require.NoError(b, err)
				require.NoError(b, conn.(*net.TCPConn).SetNoDelay(noDelay))
				r := bufio.NewReader(conn)
				say(b, conn, r, "", "220")
				say(b, conn, r, "AUTH TLS", "234")
				sec := stdtls.Client(conn, cfg)
				require.NoError(b, sec.Handshake()) // otherwise Finished goes out with USER
				r.Reset(sec)
				say(b, sec, r, "USER "+testUser, "331")
				say(b, sec, r, "PASS "+testPassword, "230")
				say(b, sec, r, "QUIT", "221")
				sec.Close()
			}
		})
	}
}

// say sends a command and reads its reply, without the ceremony of client.
func say(t testing.TB, w io.Writer, r *bufio.Reader, line, code string) {
	if line != "" {
		if _, err := io.WriteString(w, line+"\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(reply, code) {
		t.Fatalf("%s: %q, %v", line, reply, err)
	}
}

// BenchmarkSmallFile measures EPSV, a resumed data connection and 4 KiB, again and
// again on one session.
func BenchmarkSmallFile(b *testing.B) {
	const size = 4 << 10
	content := bytes.Repeat([]byte("x"), size)
	for storage, files := range storages(b) {
		writeFile(b, files, "small", string(content))
		ts := benchServer(b, serving(files))
		c := ts.login(b)
		transfer := func(b *testing.B, line string, data func(io.ReadWriter) error) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				conn := c.dataTCP(c.epsv())
				c.cmd(150, "%s", line)
				sec := c.dataTLS(conn)
				require.NoError(b, data(sec))
				sec.Close()
				c.expect(226)
			}
		}
		b.Run(storage+"/RETR", func(b *testing.B) {
			buf := make([]byte, 2*size)
			transfer(b, "RETR small", func(rw io.ReadWriter) error {
				n, err := io.ReadFull(rw, buf)
				if n == size && err == io.ErrUnexpectedEOF {
					err = nil
				}
				return err
			})
		})
		b.Run(storage+"/STOR", func(b *testing.B) {
			transfer(b, "STOR small2", func(rw io.ReadWriter) error { _, err := rw.Write(content); return err })
		})
	}
}
