package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// blockSize is a prime, so that the blocks of a file never line up with
// anything that moves them: buffers, records, pages.
const blockSize = 1<<20 - 3

// block is what all files are made of. It looks random, lest anything on the
// way compresses it, and is the same in every run.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'f', 't', 'p', 's'}).Read(b)
	return b
})

// content is what a file holds: size bytes of the block, over and over. Each
// id begins somewhere else in it, so that any sixteen bytes tell whose they are.
type content struct {
	id   int
	size int64
}

// at returns what the file holds from an offset on, up to the block's end.
func (c content) at(offset int64) []byte {
	const apart = 65_537
	start := (int64(c.id)*apart + offset) % blockSize
	b := block()[start:]
	return b[:min(int64(len(b)), c.size-offset)]
}

// WriteTo writes the whole of it.
func (c content) WriteTo(w io.Writer) (int64, error) {
	const atOnce = 256 << 10
	var n int64
	for n < c.size {
		b := c.at(n)
		written, err := w.Write(b[:min(len(b), atOnce)])
		n += int64(written)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// errWrong means that bytes came which are not the file's.
var errWrong = errors.New("wrong content")

// A checker compares what is written to it with the content it should be.
type checker struct {
	content
	seen int64
}

func (c *checker) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if c.seen == c.size {
			return 0, fmt.Errorf("%w: more than %d bytes", errWrong, c.size)
		}
		want := c.at(c.seen)
		n := min(len(want), len(rest))
		if string(rest[:n]) != string(want[:n]) {
			return 0, fmt.Errorf("%w: after %d bytes", errWrong, c.seen)
		}
		c.seen += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// whole is an error when less came than the content is.
func (c *checker) whole() error {
	if c.seen < c.size {
		return fmt.Errorf("ended after %d of %d bytes", c.seen, c.size)
	}
	return nil
}

// fetch gets a file and checks it.
func (c *client) fetch(name string, what content) error {
	check := checker{content: what}
	if err := c.get("RETR "+name, &check); err != nil {
		return err
	}
	return check.whole()
}

// verify checks a file that was uploaded.
func verify(path string, what content) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	check := checker{content: what}
	if _, err := io.CopyBuffer(struct{ io.Writer }{&check}, struct{ io.Reader }{f}, make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return check.whole()
}

// file puts a file below the served directory unless there is one. name has one
// directory in front, as in "bulk/one".
func (l *load) file(name string, what content) error {
	path := filepath.Join(l.root, filepath.FromSlash(name))
	if info, err := os.Stat(path); err == nil && info.Size() == what.size {
		return nil
	}
	if err := l.dir(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = what.WriteTo(f)
	return errors.Join(err, f.Close())
}

// uploads makes the directory "up" for uploads, empty, and returns how to take
// it away again.
func (l *load) uploads() (remove func(), err error) {
	path := filepath.Join(l.root, "up")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return func() { os.RemoveAll(path) }, l.dir("up")
}

// dir makes a directory below the served one that everybody may write to: some
// servers run as another user.
func (l *load) dir(name string) error {
	path := filepath.Join(l.root, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return os.Chmod(path, 0o777)
}
