package clients

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/driver"
)

// A client that may not store a file, or no more of it, says why: not that its
// connection broke, and not again and again.
func TestRefusedUploads(t *testing.T) {
	refusals := map[string]struct {
		code string
		wrap func(driver.FS) (driver.FS, error)
	}{
		"read-only": {"550", func(fsys driver.FS) (driver.FS, error) { return driver.WithoutWrites(fsys), nil }},
		"quota in the middle": {"552", func(fsys driver.FS) (driver.FS, error) {
			return driver.Limit(context.Background(), fsys, driver.Quota{Bytes: 50_000})
		}},
		"looked at": {"553", func(fsys driver.FS) (driver.FS, error) {
			return driver.Inspect(fsys, func(_ context.Context, up *driver.Inspection) error {
				r, err := up.Open()
				if err != nil {
					return err
				}
				if n, err := io.Copy(io.Discard, r); err != nil || n != up.Size {
					return fmt.Errorf("%d bytes were read: %w", n, err)
				}
				return &driver.Error{Code: 553, Text: "Infected, and so not kept."}
			}), nil
		}},
	}
	for name, kind := range map[string]Kind{"curl": curlKind, "lftp": lftpKind, "Python": pythonKind} {
		for _, m := range []Mode{{Name: "TLS"}, {Name: "clear", Clear: true}} {
			for why, refusal := range refusals {
				t.Run(fmt.Sprint(name, " ", m.Name, " ", why), func(t *testing.T) {
					s := Start(t, Options{Mode: m, Wrap: refusal.wrap})
					st := &stage{t, s, kind.New(t, s), t.TempDir()}
					for _, size := range []int{100_000, 3_000_000} {
						st.write(st.local("new"), content(size))
						mark := s.mark()
						if st.c.Upload(st.local("new"), "/new") == nil {
							t.Fatalf("%d bytes: the client took it for a success", size)
						}
						if said := s.since(mark); !saysRefusal(said, refusal.code) {
							t.Errorf("%d bytes: the client did not say %s", size, refusal.code)
						}
						if n := len(s.Transfers()); n > 4 {
							t.Errorf("%d bytes: %d transfers, the client tries again and again", size, n)
						}
					}
				})
			}
		}
	}
}

// saysRefusal looks for a reply's code in what the client said, in contrast to
// what the server logged.
func saysRefusal(transcript, code string) bool {
	for line := range strings.Lines(transcript) {
		if !strings.HasPrefix(line, "time=") && strings.Contains(line, code+" ") {
			return true
		}
	}
	return false
}
