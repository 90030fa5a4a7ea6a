package server_test

import (
	"os"
	"testing"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv(fairServer) != "" {
		runFairServer()
		return
	}
	testenv.Main(m)
}
