package probe

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
