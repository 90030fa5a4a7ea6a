package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCompatUploadAndDownload(t *testing.T) {
	ts := start(t)
	c := ts.login(t)
	c.put("hello", "STOR a.txt")
	assert.Equal(t, "hello", ts.readFile(t, "a.txt"))
	assert.Equal(t, "hello", c.get("RETR a.txt"))
	c.cmd(221, "QUIT")
	c.end()
}
