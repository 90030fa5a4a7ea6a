package objects

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A store is the same at the other end, and its place has no keys.
func TestStore(t *testing.T) {
	s := &Store{Endpoint: "s3.example.com", Region: "r", Bucket: "b", Prefix: "of/alice", InsecureHTTP: true, AccessKey: "access", Secret: "top"}
	got, err := Parse(s.Text())
	require.NoError(t, err)
	require.Equal(t, s, got)
	require.Equal(t, "s3.example.com/b/of/alice", s.String())
	require.Equal(t, "s3.example.com/b", (&Store{Endpoint: "s3.example.com", Bucket: "b"}).String())
	_, err = Parse(strings.Replace(s.Text(), `"Version":1`, `"Version":2`, 1))
	require.ErrorContains(t, err, "of another version")
	_, err = Parse("{")
	require.Error(t, err)
}
