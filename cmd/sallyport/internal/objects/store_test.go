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

// The port is that of the endpoint, or the usual one.
func TestPort(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		insecure bool
		want     uint16
	}{{"s3.example.com", false, 443}, {"s3.example.com", true, 80}, {"10.0.0.5:9000", true, 9000}, {"[2001:db8::1]:9000", false, 9000}, {"[2001:db8::1]", false, 443}} {
		got, err := (&Store{Endpoint: c.endpoint, InsecureHTTP: c.insecure}).Port()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.endpoint)
	}
	for _, wrong := range []string{"x:99999", "x:0", "x:http", "x y"} {
		_, err := (&Store{Endpoint: wrong}).Port()
		require.Error(t, err, wrong)
	}
}
