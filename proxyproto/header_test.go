package proxyproto

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	pires "github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/require"
)

func bufioOf(raw []byte) *bufio.Reader { return bufio.NewReaderSize(bytes.NewReader(raw), 1<<16) }

func withTLVs(n int) []byte {
	h, err := pires.Read(bufioOf(header(2, client, dialled)))
	if err != nil {
		panic(err)
	}
	if err := h.SetTLVs([]pires.TLV{{Type: pires.PP2_TYPE_NOOP, Value: make([]byte, n)}}); err != nil {
		panic(err)
	}
	raw, err := h.Format()
	if err != nil {
		panic(err)
	}
	return raw
}

func TestHeaders(t *testing.T) {
	six, sixDialled := netip.MustParseAddrPort("[2001:db8::7]:40000"), netip.MustParseAddrPort("[2001:db8::9]:21")
	mapped := netip.AddrPortFrom(netip.AddrFrom16(client.Addr().As16()), client.Port())
	v2 := func(command, family byte, rest string) []byte {
		return append(append(bytes.Clone(startV2), command, family, byte(len(rest)>>8), byte(len(rest))), rest...)
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want origin
		err  error // nil: any, when want is none
		bad  bool
	}{
		{name: "v1", raw: header(1, client, dialled), want: origin{client, dialled}},
		{name: "v2", raw: header(2, client, dialled), want: origin{client, dialled}},
		{name: "v1 over IPv6", raw: header(1, six, sixDialled), want: origin{six, sixDialled}},
		{name: "v2 over IPv6", raw: header(2, six, sixDialled), want: origin{six, sixDialled}},
		{name: "IPv4 in IPv6", raw: header(2, mapped, sixDialled), want: origin{client, sixDialled}},
		{name: "more facts", raw: withTLVs(3000), want: origin{client, dialled}},
		{name: "LOCAL", raw: localHeader(2)},
		{name: "LOCAL with addresses", raw: v2(0x20, 0x11, "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02")},
		{name: "LOCAL with something", raw: v2(0x20, 0x11, "x")},
		{name: "UNKNOWN", raw: localHeader(1)},
		{name: "UNKNOWN with addresses", raw: []byte("PROXY UNKNOWN ffff:f:f:f:f:f:f:f ffff:: 65535 65535\r\n")},
		{name: "nothing", err: errEmpty, bad: true},
		{name: "a command", raw: []byte("USER a\r\n"), err: errMissing, bad: true},
		{name: "TLS", raw: []byte("\x16\x03\x01\x02\x00\x01"), err: errMissing, bad: true},
		{name: "almost v1", raw: []byte("PROXYTCP4 1.2.3.4 1.2.3.4 1 2\r\n"), err: errMissing, bad: true},
		{name: "almost v2", raw: []byte("\r\n\r\n\x00\r\nQUIT\r"), err: errMissing, bad: true},
		{name: "half of v1", raw: header(1, client, dialled)[:30], err: io.ErrUnexpectedEOF, bad: true},
		{name: "half of v2", raw: header(2, client, dialled)[:20], err: io.ErrUnexpectedEOF, bad: true},
		{name: "long v1", raw: []byte("PROXY UNKNOWN " + strings.Repeat("x", 100)), err: errTooLong, bad: true},
		{name: "long v2", raw: withTLVs(5000), err: errTooLong, bad: true},
		{name: "LF alone", raw: []byte("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), bad: true},
		{name: "no addresses", raw: []byte("PROXY TCP4\r\nxxxxxxxxx\r\n"), bad: true},
		{name: "no address", raw: []byte("PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n"), bad: true},
		{name: "nobody", raw: []byte("PROXY TCP4 0.0.0.0 1.2.3.4 1 2\r\n"), bad: true},
		{name: "UDP", raw: v2(0x21, 0x12, "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02"), err: errNotTCP, bad: true},
		{name: "version 3", raw: v2(0x31, 0x11, "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02"), bad: true},
		{name: "too short", raw: v2(0x21, 0x11, "\x01\x02\x03\x04"), bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tail := "220 or whatever"
			if c.bad {
				tail = ""
			}
			for _, split := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
				r := split(strings.NewReader(string(c.raw) + tail))
				got, err := readOrigin(r)
				if c.bad {
					require.Error(t, err)
					if c.err != nil && !errors.Is(err, io.EOF) {
						require.ErrorIs(t, err, c.err)
					}
					continue
				}
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				rest, err := io.ReadAll(r)
				require.NoError(t, err)
				require.Equal(t, tail, string(rest), "what follows the header")
			}
		})
	}
}

// Whatever comes, no more than a header is read, and readOrigin returns what
// go-proxyproto makes of the same bytes.
func FuzzHeader(f *testing.F) {
	for _, version := range []byte{1, 2} {
		f.Add(header(version, client, dialled))
		f.Add(localHeader(version))
	}
	f.Add(withTLVs(40))
	f.Add([]byte("PROXY TCP6 ::1 ::2 1 2\r\nrest"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		got, err := readOrigin(r)
		if err != nil {
			return
		}
		read := data[:len(data)-r.Len()]
		h, err := pires.Read(bufioOf(data))
		require.NoError(t, err)
		if !h.Command.IsLocal() {
			require.Equal(t, got.client, plain(h.SourceAddr.(*net.TCPAddr)))
		}
		again, err := readOrigin(bytes.NewReader(read))
		require.NoError(t, err, "the header by itself")
		require.Equal(t, got, again)
	})
}
