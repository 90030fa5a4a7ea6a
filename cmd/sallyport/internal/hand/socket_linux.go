package hand

import (
	"os"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// NewClient is NewClientOver for one end of channel.Pair, which it takes over.
func NewClient(f *os.File, patience time.Duration) (*Client, error) {
	if patience == 0 {
		patience = DefaultPatience
	}
	s, err := channel.Open(f, channel.RegularFiles)
	if err != nil {
		return nil, err
	}
	s.Patience = patience
	return NewClientOver(s, patience), nil
}

// Serve is ServeOver for one end of channel.Pair, which it takes over.
func Serve(f *os.File, roots ...driver.FS) error {
	s, err := channel.OpenBlocking(f, channel.RegularFiles)
	if err != nil {
		return err
	}
	return ServeOver(s, roots...)
}
