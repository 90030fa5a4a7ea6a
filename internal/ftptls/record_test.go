package ftptls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// record makes a record with a body of n bytes.
func record(n int) []byte {
	return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, bytes.Repeat([]byte{byte(n)}, n)...)
}

func flight(sizes ...int) (p []byte) {
	for _, n := range sizes {
		p = append(p, record(n)...)
	}
	return p
}

func TestSplitLast(t *testing.T) {
	for _, c := range []struct {
		p    []byte
		n    int
		tail []byte
		cut  int
	}{
		{flight(90, 1, 200), 1, flight(200), 1},
		{flight(90, 1, 200), 2, flight(1, 200), 2},
		{flight(16384, 16384), 1, flight(16384), 1},
		{flight(7), 1, flight(7), 1},
		{flight(7), 3, flight(7), 1},
		{flight(7, 0), 1, flight(0), 1},
		{flight(7), 0, nil, 0},
		{flight(7), -1, nil, 0},
		{nil, 1, nil, 0},
		{flight(7, 8)[:18], 1, nil, 0}, // no whole records: nothing is kept
		{append(flight(7), 23, 3), 1, nil, 0},
	} {
		head, tail, cut := splitLast(c.p, c.n)
		require.Equal(t, c.cut, cut)
		require.True(t, bytes.Equal(c.tail, tail))
		require.True(t, bytes.Equal(c.p, append(bytes.Clone(head), tail...)))
	}
}

func FuzzSplitLastRecord(f *testing.F) {
	f.Add(flight(90, 1, 200), 1)
	f.Add(flight(0, 0, 3), 2)
	f.Add([]byte{23, 3, 3, 0}, 1)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		head, tail, cut := splitLast(p, n)
		if !bytes.Equal(p, append(bytes.Clone(head), tail...)) {
			t.Fatal("bytes were lost or reordered")
		}
		if cut > max(n, 0) {
			t.Fatalf("cut %d records of %d", cut, n)
		}
		var fr framer
		fr.skip(head)
		if len(tail) > 0 && (fr.have != 0 || fr.left != 0) {
			t.Fatal("cut inside a record")
		}
		for rest, left := tail, cut; ; left-- {
			if len(rest) == 0 {
				if left != 0 {
					t.Fatalf("said %d too many", left)
				}
				return
			}
			rest = rest[recordSize(rest):]
		}
	})
}

// FuzzFramer feeds a stream in pieces and checks that every record's end is
// found, however it is cut.
func FuzzFramer(f *testing.F) {
	f.Add([]byte{3, 0, 200, 1}, uint16(5))
	f.Add([]byte{0, 0, 0}, uint16(1))
	f.Fuzz(func(t *testing.T, sizes []byte, step uint16) {
		var stream []byte
		var ends []int
		for _, n := range sizes {
			stream = append(stream, record(int(n))...)
			ends = append(ends, len(stream))
		}
		var fr framer
		for at := 0; at < len(stream); {
			piece := stream[at:min(len(stream), at+int(step)+1)]
			whole := fr.whole(piece)
			n := fr.take(piece)
			at += n
			ended := fr.have == 0
			if ended != whole || ended != (len(ends) > 0 && ends[0] == at) {
				t.Fatalf("at %d: whole %v, ended %v, ends %v", at, whole, ended, ends)
			}
			if ended {
				ends = ends[1:]
			} else if n != len(piece) {
				t.Fatal("stopped inside a record")
			}
		}
	})
}
