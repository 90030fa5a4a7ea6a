package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The files and options in the container's recipe exist. This test doesn't
// build the container.
func TestContainerfile(t *testing.T) {
	top := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(top, "Containerfile.test"))
	require.NoError(t, err)
	recipe := strings.ReplaceAll(string(text), "\r\n", "\n")
	find := func(pattern string) []string {
		m := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(recipe)
		require.NotNil(t, m, pattern)
		return m[1:]
	}

	_, err = os.Stat(filepath.Join(top, find(` (\./cmd\S+)$`)[0]))
	require.NoError(t, err)
	module, err := os.ReadFile(filepath.Join(top, "go.mod"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^go `+regexp.QuoteMeta(find(`^FROM golang:(\S+) AS build$`)[0])+`(\.|$)`, string(module))

	var entry []string
	require.NoError(t, json.Unmarshal([]byte(find(`^ENTRYPOINT (.*)$`)[0]), &entry))
	require.Equal(t, []string{"/sallyport", "test"}, entry[:2])
	require.Equal(t, "/image"+entry[0], find(` -o (\S+) `)[0])
	s, err := parseTest(append(entry[2:], "--announce", "*=dialled"))
	require.NoError(t, err)
	require.True(t, s.stay)
	require.Equal(t, "*=dialled", s.announce)

	ports := strings.Fields(find(`^EXPOSE (.*)$`)[0])
	require.Equal(t, []string{strings.TrimPrefix(s.listen, ":"), strings.TrimPrefix(s.implicit, ":"), s.passive}, ports)
	for _, port := range ports {
		require.Contains(t, recipe, "-p 127.0.0.1:"+port+":"+port+" ")
	}
}
