package scenario

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// role is the environment variable that makes the test binary play a part in a
// world, rather than run tests.
const role = "SALLYPORT_SCENARIO"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "server":
		os.Exit(serve())
	case "dial":
		os.Exit(dial())
	case "router":
		os.Exit(route())
	case "dhcp":
		os.Exit(awaitDHCP())
	}
	flag.Parse()
	// The tests mostly wait for time-outs, which needs no processor.
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := f.Value.Set("6"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
