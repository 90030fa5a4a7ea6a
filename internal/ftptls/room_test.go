package ftptls

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// roomyConn says how much room there is, and remembers what is written at once.
type roomyConn struct {
	net.Conn
	rooms  []int
	writes []int
}

func (c *roomyConn) Room() (int, error) {
	if len(c.rooms) == 0 {
		return 0, errors.New("no more room")
	}
	n := c.rooms[0]
	c.rooms = c.rooms[1:]
	return n, nil
}

func (c *roomyConn) Write(p []byte) (int, error) {
	c.writes = append(c.writes, len(p))
	return c.Conn.Write(p)
}

// As many bytes as Room returns fit into the connection below together with
// what is gathered already, and are gathered until the room is used up.
func TestRoom(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			l := newLayer(t)
			server, conn := pipe(t)
			below := &roomyConn{Conn: server, rooms: []int{100 << 10, 1000, 1, 1 << 30}}
			d := l.Session().Data(below, tls.Prefer)
			client, err := shake(t, d, conn, l.client(version))
			require.NoError(t, err)
			defer d.Close()
			got := make(chan int64, 1)
			go func() {
				n, _ := io.Copy(io.Discard, client)
				got <- n
			}()

			below.writes = nil
			sent := 0
			send := func(most int) int {
				n, err := d.Room()
				require.NoError(t, err)
				m, err := d.Write(make([]byte, min(n, most)))
				require.NoError(t, err)
				sent += m
				return n
			}
			require.Greater(t, send(60<<10), 90<<10)
			require.Empty(t, below.writes)
			require.Greater(t, send(60<<10), 30<<10, "there is room still")
			require.Less(t, send(60<<10), 1000, "after the rest has left")
			require.Len(t, below.writes, 1)
			require.LessOrEqual(t, below.writes[0], 100<<10)
			require.Equal(t, leastRoom, send(60<<10))
			require.Greater(t, send(gatherSize), gatherSize)
			_, err = d.Room()
			require.ErrorContains(t, err, "no more room")
			require.NoError(t, d.Close())
			require.EqualValues(t, sent, <-got)
		})
	}
}

// A connection below that has no Room has room always.
func TestRoomUnknown(t *testing.T) {
	l := newLayer(t)
	server, conn := pipe(t)
	d := l.Session().Data(server, tls.Prefer)
	_, err := shake(t, d, conn, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	defer d.Close()
	n, err := d.Room()
	require.NoError(t, err)
	require.Equal(t, gatherSize, n)
}

// Connections that get no buffer send and receive as well.
func TestBuffersAreBounded(t *testing.T) {
	var taken []*[bufferSize]byte
	for b := takeBuffer(); b != nil; b = takeBuffer() {
		taken = append(taken, b)
	}
	require.Len(t, taken, mostBuffers)
	defer func() {
		for _, b := range taken {
			returnBuffer(b)
		}
	}()
	l := newLayer(t)
	server, conn := pipe(t)
	d := l.Session().Data(server, tls.Prefer)
	client, err := shake(t, d, conn, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	const size = 1 << 20
	go func() {
		client.Write(make([]byte, size))
		client.CloseWrite()
	}()
	n, err := io.Copy(io.Discard, onlyReader{d})
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	go func() {
		d.Write(make([]byte, size))
		d.Close()
	}()
	n, err = io.Copy(io.Discard, client)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
}

type onlyReader struct{ io.Reader }
