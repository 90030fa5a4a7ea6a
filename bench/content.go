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

// blockSize is a prime, so that blocks of a file never line up with what moves
// them: buffers, records, pages.
const blockSize = 1<<20 - 3

// block is the bytes that all files are made of. They look random, so that
// nothing on the way can compress them, and are the same in every run.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'f', 't', 'p', 's'}).Read(b)
	return b
})

// content is the content of a file: size bytes of block, repeated. Each id
// begins at another offset of block, so that any sixteen bytes tell which file
// they are of.
type content struct {
	id   int
	size int64
}

// at returns the bytes of the file from an offset on, up to the end of block.
func (c content) at(offset int64) []byte {
	const apart = 65_537
	start := (int64(c.id)*apart + offset) % blockSize
	b := block()[start:]
	return b[:min(int64(len(b)), c.size-offset)]
}

// WriteTo writes the whole content.
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

// errWrong means that bytes differ from those of the file.
var errWrong = errors.New("wrong content")

// A checker compares what is written to it with the content that is expected.
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

// whole returns an error if less than the whole content was written.
func (c *checker) whole() error {
	if c.seen < c.size {
		return fmt.Errorf("ended after %d of %d bytes", c.seen, c.size)
	}
	return nil
}

// fetch downloads a file and checks its content.
func (c *client) fetch(name string, what content) error {
	check := checker{content: what}
	if err := c.get("RETR "+name, &check); err != nil {
		return err
	}
	return check.whole()
}

// verify checks the content of an uploaded file.
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

// file makes a file below the served directory, unless it is there with that
// size. name has one directory in front, as in "bulk/one".
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

// uploads makes the directory "up" for uploads, empty, and returns a function
// that removes it.
func (l *load) uploads() (remove func(), err error) {
	path := filepath.Join(l.root, "up")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return func() { os.RemoveAll(path) }, l.dir("up")
}

// dir makes a directory below the served one. Everybody may write to it, since
// some servers run as another user.
func (l *load) dir(name string) error {
	path := filepath.Join(l.root, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return os.Chmod(path, 0o777)
}
