package golang

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/sallyport/sallyport/internal/test/clients"
)

// A ClientSessionCache is all that the client needs to resume: crypto/tls
// finds the control connection's ticket by the server's name, and a ticket
// serves many times.
var jlaffaye = clients.Kind{
	New: func(t *testing.T, s *clients.Server) clients.Client {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		return &client{s, &tls.Config{
			RootCAs:            pool,
			ServerName:         s.Host,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		}}
	},
	Resumes: clients.Always,
}

type client struct {
	server *clients.Server
	tls    *tls.Config
}

// with logs in, calls do and quits.
func (c *client) with(do func(*ftp.ServerConn) error, more ...ftp.DialOption) error {
	return c.as(clients.Password, do, more...)
}

func (c *client) as(password string, do func(*ftp.ServerConn) error, more ...ftp.DialOption) (err error) {
	config := c.tls.Clone()
	if c.server.Mode.TLS12 {
		config.MaxVersion = tls.VersionTLS12
	}
	secure := ftp.DialWithExplicitTLS(config)
	if c.server.Mode.Implicit {
		secure = ftp.DialWithTLS(config)
	}
	options := append([]ftp.DialOption{secure, ftp.DialWithTimeout(30 * time.Second), ftp.DialWithDebugOutput(c.server)}, more...)
	conn, err := ftp.Dial(c.server.Addr, options...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Quit()) }()
	if err := conn.Login(clients.User, password); err != nil {
		return err
	}
	return do(conn)
}

func (c *client) Login(password string) error {
	return c.as(password, func(conn *ftp.ServerConn) error { return conn.NoOp() })
}

func (c *client) List(dir string) ([]string, error) {
	return c.list(dir, ftp.DialWithDisabledMLSD(true))
}

func (c *client) Facts(dir string) ([]string, error) { return c.list(dir) }

func (c *client) list(dir string, more ...ftp.DialOption) (names []string, err error) {
	return names, c.with(func(conn *ftp.ServerConn) error {
		entries, err := conn.List(dir)
		for _, e := range entries {
			if e.Name != "." && e.Name != ".." {
				names = append(names, e.Name)
			}
		}
		return err
	}, more...)
}

func (c *client) Upload(local, remote string) error {
	return c.with(func(conn *ftp.ServerConn) error {
		f, err := os.Open(local)
		if err != nil {
			return err
		}
		defer f.Close()
		return conn.Stor(remote, f)
	})
}

func (c *client) Download(remote, local string) error {
	return c.with(func(conn *ftp.ServerConn) error {
		f, err := os.Create(local)
		if err != nil {
			return err
		}
		return errors.Join(fetch(conn, remote, f, 0), f.Close())
	})
}

func fetch(conn *ftp.ServerConn, remote string, to io.Writer, offset uint64) error {
	r, err := conn.RetrFrom(remote, offset)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, r)
	return errors.Join(err, r.Close())
}

func (c *client) ResumeUpload(local, remote string) error {
	return c.with(func(conn *ftp.ServerConn) error {
		have, err := conn.FileSize(remote)
		if err != nil {
			return err
		}
		f, err := os.Open(local)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Seek(have, io.SeekStart); err != nil {
			return err
		}
		return conn.StorFrom(remote, f, uint64(have))
	})
}

func (c *client) ResumeDownload(remote, local string) error {
	return c.with(func(conn *ftp.ServerConn) error {
		f, err := os.OpenFile(local, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		have, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		return errors.Join(fetch(conn, remote, f, uint64(have)), f.Close())
	})
}

func (c *client) Rename(from, to string) error {
	return c.with(func(conn *ftp.ServerConn) error { return conn.Rename(from, to) })
}

func (c *client) Delete(remote string) error {
	return c.with(func(conn *ftp.ServerConn) error { return conn.Delete(remote) })
}

func TestJlaffaye(t *testing.T) { jlaffaye.Meet(t) }

func TestJlaffayeRequired(t *testing.T) { jlaffaye.Required(t) }
