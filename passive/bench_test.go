package passive

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func BenchmarkLease(b *testing.B) {
	for _, set := range []string{"21000-21010", "20000-29999"} {
		b.Run(set, func(b *testing.B) {
			p, _ := memPorts(b, set)
			defer p.Close()
			b.ReportAllocs()
			for b.Loop() {
				l, err := p.Lease(b.Context(), ask(alice))
				require.NoError(b, err)
				l.Close()
			}
		})
	}
}

// The whole way of a data connection, over loopback. Nearly all of it is the system's.
func BenchmarkLeaseAcceptClose(b *testing.B) {
	p := ports(b, testenv.FreePortSet(b, 1))
	b.ReportAllocs()
	for b.Loop() {
		l, err := p.Lease(b.Context(), ask(local))
		require.NoError(b, err)
		client, err := tryDial(local, l.Port())
		require.NoError(b, err)
		server, err := l.Accept(b.Context())
		require.NoError(b, err)
		client.Close()
		server.Close()
		l.Close()
	}
}

func BenchmarkLeaseParallel(b *testing.B) {
	p, _ := memPorts(b, "20000-29999")
	defer p.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := p.Lease(b.Context(), ask(alice))
			if err != nil {
				b.Error(err)
				return
			}
			l.Close()
		}
	})
}
