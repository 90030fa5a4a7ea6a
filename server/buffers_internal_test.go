package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// However many transfers there are, only so many have a large buffer. The others
// get a small one, and large buffers are there again when some have come back.
func TestPoolIsBounded(t *testing.T) {
	p := pool{size: 64 << 10, most: 3}
	var taken []*[]byte
	for i := range 10 {
		b := p.take()
		want := p.size
		if i >= p.most {
			want = smallBuffer
		}
		require.Len(t, *b, want)
		taken = append(taken, b)
	}
	p.give(taken[0])
	require.Len(t, *p.take(), p.size)
	for _, b := range taken[1:] {
		p.give(b)
	}
	require.EqualValues(t, 1, p.out.Load(), "the one that was taken again")
}
