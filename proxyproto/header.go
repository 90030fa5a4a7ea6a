package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"

	pires "github.com/pires/go-proxyproto"
)

// What is wrong with a header.
var (
	errEmpty   = errors.New("the connection ended before its header") // port checks do this all the time
	errMissing = errors.New("there is no PROXY header")
	errTooLong = errors.New("the PROXY header is too long")
	errNotTCP  = errors.New("the PROXY header is not that of a TCP connection")
)

// Lengths that the specification gives, and a bound for what it leaves open: a
// version 2 header may hold further facts, of which a certificate is the
// largest.
const (
	maxV1     = 107     // section 2.1
	prefixV2  = 16      // section 2.2
	maxRestV2 = 4 << 10 // go-proxyproto accepts no more
)

var (
	startV1 = []byte("PROXY ")
	startV2 = pires.SIGV2
)

// origin is what a header says. Its zero value is that of a connection which the
// balancer made for itself.
type origin struct{ client, dialled netip.AddrPort }

// readOrigin reads a header and not a byte more, so that nothing has to be put
// back: what follows stays in the socket, for the server or for sendfile. A
// header may come in pieces, but readOrigin never waits for more of what can't
// become a header.
func readOrigin(r io.Reader) (origin, error) {
	raw, err := readHeader(r)
	if err != nil {
		return origin{}, err
	}
	// The whole header has to be in the buffer at once: the parser takes one
	// that comes in pieces for an attack.
	h, err := pires.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
	if err != nil {
		return origin{}, err
	}
	if h.Command.IsLocal() {
		return origin{}, nil
	}
	client, dialled, ok := h.TCPAddrs()
	if !ok {
		return origin{}, errNotTCP
	}
	o := origin{plain(client), plain(dialled)}
	if a := o.client.Addr(); a.IsUnspecified() || a.IsMulticast() {
		return origin{}, errors.New("the PROXY header says that the client is " + a.String())
	}
	return o, nil
}

// balancers reports whether the connection is one that the balancer made for
// itself. The headers of HAProxy's checks by version 1 name the connection's own
// addresses.
func (o origin) balancers(conn net.Conn) bool {
	own, ok := conn.RemoteAddr().(*net.TCPAddr)
	return !o.client.IsValid() || ok && plain(own) == o.client
}

func plain(a *net.TCPAddr) netip.AddrPort {
	at := a.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// readHeader reads the bytes of a header of either version.
func readHeader(r io.Reader) ([]byte, error) {
	// No header is shorter than the signature of version 2.
	buf := make([]byte, len(startV2), maxV1)
	for n := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		n += m
		switch {
		case n > 0 && !agree(buf[:n], startV1) && !agree(buf[:n], startV2):
			return nil, errMissing
		case n < len(buf) && err != nil && n == 0 && !isTimeout(err):
			return nil, errEmpty
		case n < len(buf) && err != nil:
			return nil, err
		}
	}
	if buf[0] == startV1[0] {
		return readV1(r, buf)
	}
	return readV2(r, buf)
}

// readV1 reads on to the end of the line, byte by byte for want of a length.
func readV1(r io.Reader, buf []byte) ([]byte, error) {
	for buf[len(buf)-1] != '\n' {
		if len(buf) == maxV1 {
			return nil, errTooLong
		}
		buf = buf[:len(buf)+1]
		if _, err := io.ReadFull(r, buf[len(buf)-1:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func readV2(r io.Reader, buf []byte) ([]byte, error) {
	buf = buf[:prefixV2]
	if _, err := io.ReadFull(r, buf[len(startV2):]); err != nil {
		return nil, err
	}
	rest := int(binary.BigEndian.Uint16(buf[prefixV2-2:]))
	if rest > maxRestV2 {
		return nil, errTooLong
	}
	buf = append(buf, make([]byte, rest)...)
	_, err := io.ReadFull(r, buf[prefixV2:])
	return buf, err
}

// agree reports whether one is the beginning of the other.
func agree(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
