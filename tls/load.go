package tls

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// Loader loads certificates from files. Zero is ready for use.
type Loader struct {
	// Logger is told when certificates were read again or could not be read, and
	// when a certificate has expired. Nil means slog.Default.
	Logger *slog.Logger
}

// Load does what [Loader.Load] of a zero Loader does.
func Load(certFile, keyFile string, more ...string) (*Config, error) {
	return Loader{}.Load(certFile, keyFile, more...)
}

// Load reads a certificate and its private key from PEM files; more holds
// further pairs, certificate and key in turn. The certificate's chain follows
// it in its file, and the key may be in the same file. A client gets the
// certificate for the host it names, among several such the first it can use,
// and without a match the first pair's.
//
// When the files change they are read again, without a restart: handshakes
// look at most once a second. While a pair on disk is incomplete or wrong, the
// one read before stays in use and the Logger hears why.
//
// Errors name the file and what is wrong with it. A key with which TLS 1.3 can't
// sign is refused: one on another curve than P-256, P-384 and P-521, or of RSA
// below 1024 bits. An expired certificate or an RSA key of fewer than 2048 bits
// is only logged: a server must start with such a certificate, to be reached and
// repaired.
func (l Loader) Load(certFile, keyFile string, more ...string) (*Config, error) {
	if len(more)%2 != 0 {
		return nil, fmt.Errorf("tls: %s has no key file: further files come in pairs", more[len(more)-1])
	}
	pairs := []pair{{certFile, keyFile}}
	for i := 0; i < len(more); i += 2 {
		pairs = append(pairs, pair{more[i], more[i+1]})
	}
	s := &store{logger: nopanic.Logger(l.Logger), now: time.Now}
	var problems []error
	for _, p := range pairs {
		f, err := s.open(p)
		problems = append(problems, err)
		s.files = append(s.files, f)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	s.publish()
	return &Config{GetCertificate: s.choose, MinVersion: VersionTLS12}, nil
}
