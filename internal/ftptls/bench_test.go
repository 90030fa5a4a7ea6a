package ftptls

import (
	stdtls "crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

const block = 256 << 10 // what the server's pump moves at once

// ends makes a data connection of this package or, to compare with, of
// crypto/tls alone.
func ends(b *testing.B, ours bool) (net.Conn, *stdtls.Conn) {
	l := newLayer(b)
	server, conn := pipe(b)
	if ours {
		d := l.Session().Data(server, tls.Prefer)
		client, err := shake(b, d, conn, l.client(tls.VersionTLS13))
		require.NoError(b, err)
		b.Cleanup(func() { d.Close() })
		return d, client
	}
	d, client := stdtls.Server(server, l.base.Clone()), stdtls.Client(conn, l.client(tls.VersionTLS13))
	go client.Handshake()
	require.NoError(b, d.Handshake())
	return d, client
}

func benchmark(b *testing.B, f func(b *testing.B, ours bool)) {
	b.Run("sallyport", func(b *testing.B) { f(b, true) })
	b.Run("crypto-tls", func(b *testing.B) { f(b, false) })
}

// The client does not decrypt, so that only the server's side is measured.
func BenchmarkDownload(b *testing.B) {
	benchmark(b, func(b *testing.B, ours bool) {
		d, client := ends(b, ours)
		go io.Copy(io.Discard, client.NetConn())
		buf := make([]byte, block)
		b.SetBytes(block)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Write(buf); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		client.NetConn().Close()
	})
}

// Both ends share the processor here, so the result says less about the
// server's.
func BenchmarkUpload(b *testing.B) {
	benchmark(b, func(b *testing.B, ours bool) {
		d, client := ends(b, ours)
		go func() {
			buf := make([]byte, 1<<20)
			for err := error(nil); err == nil; {
				_, err = client.Write(buf)
			}
		}()
		buf := make([]byte, block)
		b.SetBytes(block)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := io.ReadFull(d, buf); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		d.(interface{ NetConn() net.Conn }).NetConn().Close()
	})
}

func BenchmarkHandshake(b *testing.B) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, resumed := range []bool{false, true} {
			name := tls.VersionName(version) + "/full"
			if resumed {
				name = tls.VersionName(version) + "/resumed"
			}
			b.Run(name, func(b *testing.B) {
				l := newLayer(b)
				s, cfg := l.Session(), l.client(version)
				login(b, s, cfg)
				cfg.ClientSessionCache = stubborn{cfg.ClientSessionCache}
				if !resumed {
					cfg.ClientSessionCache = &countingCache{}
				}
				b.ReportAllocs()
				for b.Loop() {
					server, conn := pipe(b)
					d := s.Data(server, tls.Prefer)
					_, err := shake(b, d, conn, cfg)
					if err != nil || d.Resumed() != resumed {
						b.Fatal(err, d.Resumed())
					}
					d.NetConn().Close()
					d.Close()
				}
			})
		}
	}
}

// BenchmarkIdleControl reports the memory of an idle control connection, both
// ends' sockets and the client's TLS not counted.
func BenchmarkIdleControl(b *testing.B) {
	const many = 200
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b.Run(tls.VersionName(version), func(b *testing.B) {
			l := newLayer(b)
			for b.Loop() {
				conns := make([]*Conn, many)
				before := heap()
				for i := range conns {
					server, conn := pipe(b)
					conns[i] = l.Session().Control(server)
					_, err := shake(b, conns[i], conn, l.client(version))
					require.NoError(b, err)
				}
				after := heap()
				b.ReportMetric(float64(after-before)/many, "B/conn")
				for _, c := range conns {
					c.Close()
				}
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
