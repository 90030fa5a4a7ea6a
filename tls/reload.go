package tls

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery bounds how often handshakes look at the files.
	lookEvery = time.Second
	// settled is how old a time stamp must be for any later change of the file to
	// change the time stamp: some file systems count in seconds.
	settled = 2 * time.Second
)

// store serves certificates and keeps them current.
type store struct {
	logger *slog.Logger
	now    func() time.Time
	served atomic.Pointer[[]*Certificate]
	looked atomic.Int64 // when the files were last looked at, Unix nanoseconds

	mu    sync.Mutex // guards files, held by the one handshake that looks
	files []*file
}

// file is a pair as it was last read.
type file struct {
	pair
	cert    *Certificate
	seen    [2]os.FileInfo
	trouble string // why the last reading failed, to log each cause once
	firm    bool   // seen is old enough to show any later change
}

func (s *store) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

// open reads a pair for the first time.
func (s *store) open(p pair) (*file, error) {
	f := &file{pair: p}
	seen, err := f.stat()
	if err != nil {
		return f, err
	}
	cert, err := p.read()
	if err != nil {
		return f, err
	}
	f.keep(cert, seen, s.now())
	s.warn(f)
	return f, nil
}

func (f *file) keep(cert *Certificate, seen [2]os.FileInfo, now time.Time) {
	f.cert, f.seen, f.trouble = cert, seen, ""
	f.firm = true
	for _, info := range seen {
		if age := now.Sub(info.ModTime()); age < settled && age > -settled {
			f.firm = false
		}
	}
}

// warn tells of a certificate that clients will mind: outside its time, or with a
// key that is too short.
func (s *store) warn(f *file) {
	now, leaf := s.now(), f.cert.Leaf
	if bits := weakRSA(leaf); bits != 0 {
		s.log().Warn("the certificate's RSA key is so short that many clients refuse it", "file", f.pair.cert, "bits", bits,
			"cure", "use a key of 2048 bits or more, or one on P-256")
	}
	switch {
	case now.After(leaf.NotAfter):
		s.log().Warn("certificate has expired", "file", f.pair.cert, "expired", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		s.log().Warn("certificate is not valid yet", "file", f.pair.cert, "from", leaf.NotBefore)
	}
}

// stat returns what the file system says of both files, symbolic links
// followed: certbot and Kubernetes renew by moving a link.
func (f *file) stat() (seen [2]os.FileInfo, err error) {
	if seen[0], err = os.Stat(f.pair.cert); err != nil {
		return seen, fmt.Errorf("tls: certificate: %w", err)
	}
	if seen[1], err = os.Stat(f.key); err != nil {
		return seen, fmt.Errorf("tls: private key: %w", err)
	}
	return seen, nil
}

// changed reports whether the pair must be read again.
func (f *file) changed(seen [2]os.FileInfo) bool {
	if !f.firm || f.trouble != "" {
		return true
	}
	for i, now := range seen {
		was := f.seen[i]
		if !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()) {
			return true
		}
	}
	return false
}

// refresh looks at the files if it is time to. One handshake does; the others
// meanwhile use what there is.
func (s *store) refresh() {
	now := s.now()
	since := now.UnixNano() - s.looked.Load()
	// since is negative after the clock was set back. To wait until it is
	// positive again could take as long as the clock was set back.
	if since >= 0 && since < int64(lookEvery) || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	s.looked.Store(now.UnixNano())
	renewed := false
	for _, f := range s.files {
		renewed = s.reread(f) || renewed
	}
	if renewed {
		s.publish()
	}
}

// reread reads a pair again if its files have changed, and reports whether it
// holds another certificate now.
func (s *store) reread(f *file) bool {
	seen, err := f.stat()
	if err == nil && !f.changed(seen) {
		return false
	}
	var cert *Certificate
	if err == nil {
		cert, err = f.read()
	}
	if err != nil {
		if f.trouble != err.Error() {
			s.log().Error("certificate not renewed, the old one stays in use", "file", f.pair.cert, "error", err)
		}
		f.trouble = err.Error()
		return false
	}
	renewed := !sameChain(f.cert, cert)
	f.keep(cert, seen, s.now())
	if renewed {
		s.log().Info("certificate renewed", "file", f.pair.cert, "sha256", fingerprint(cert.Certificate[0]))
		s.warn(f)
	}
	return renewed
}

// publish makes the current certificates those that handshakes use.
func (s *store) publish() {
	certs := make([]*Certificate, len(s.files))
	for i, f := range s.files {
		certs[i] = f.cert
	}
	s.served.Store(&certs)
	s.looked.CompareAndSwap(0, s.now().UnixNano())
}

// choose is Config.GetCertificate.
func (s *store) choose(hello *ClientHelloInfo) (*Certificate, error) {
	s.refresh()
	certs := *s.served.Load()
	if len(certs) == 1 {
		return certs[0], nil
	}
	for _, cert := range certs {
		if hello.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	// No client is turned away for the name that it dials: clients dial
	// addresses, aliases and forwarded ports. Whether it can use RSA or ECDSA
	// still matters.
	anonymous := *hello
	anonymous.ServerName = ""
	for _, cert := range certs {
		if anonymous.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	return certs[0], nil
}
