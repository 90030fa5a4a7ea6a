package server

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// sums are the checksums of HASH, by the names of draft-bryan-ftpext-hash,
// section 7; the first is the default. Each has a verb of its own as well, for
// clients older than HASH.
var sums = []struct {
	name, verb string
	make       func() hash.Hash
}{
	{"SHA-256", "XSHA256", sha256.New},
	{"SHA-1", "XSHA1", sha1.New},
	{"SHA-512", "XSHA512", sha512.New},
	{"MD5", "XMD5", md5.New},
	{"CRC32", "XCRC", func() hash.Hash { return crc32.NewIEEE() }},
}

// featHash returns the line of FEAT, with a star behind the one in force
// (draft-bryan-ftpext-hash).
func (s *session) featHash() string {
	var names []string
	for i, sum := range sums {
		name := sum.name
		if i == s.hashAlgo {
			name += "*"
		}
		names = append(names, name)
	}
	return "HASH " + strings.Join(names, ";")
}

// optsHash is OPTS HASH [<name>]: draft-bryan-ftpext-hash, section 3.2.
func (s *session) optsHash(name string) (wire.Reply, error) {
	for i, sum := range sums {
		if strings.EqualFold(sum.name, name) {
			s.hashAlgo = i
			name = ""
		}
	}
	if name != "" {
		return ok(501, "Unknown algorithm; nothing is changed.")
	}
	return ok(200, sums[s.hashAlgo].name)
}

// HASH <file>: draft-bryan-ftpext-hash, section 3, over the bytes as they are
// stored. The reply names the first and the last byte, as RANG does.
func (s *session) cmdHash(ctx context.Context, arg string) (wire.Reply, error) {
	span := wire.Span{Start: s.restart, End: s.until}
	if span.End == 0 {
		span.End = -1
	}
	s.restart, s.until = 0, 0
	sum, end, err := s.checksum(ctx, "HASH", s.hashAlgo, true, []wire.Part{{Path: arg, Span: span}})
	if errors.Is(err, driver.ErrIsDir) {
		return ok(553, "HASH is for files.")
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return okf(213, "%s %d-%d %s %s", sums[s.hashAlgo].name, span.Start, max(end-1, span.Start), hex.EncodeToString(sum), arg)
}

// sumCommand returns the handler of XCRC or its like for the checksum i of sums. The
// argument is <file> [<start> [<end>]], where end is the byte behind the last, as in other
// servers.
func sumCommand(i int) handler {
	return func(s *session, ctx context.Context, arg string) (wire.Reply, error) {
		parts, err := wire.ParsePart(arg)
		if err != nil {
			return wire.Reply{}, err
		}
		sum, _, err := s.checksum(ctx, sums[i].verb, i, false, parts)
		if err != nil {
			return wire.Reply{}, err
		}
		return ok(250, strings.ToUpper(hex.EncodeToString(sum)))
	}
}

// checksum computes the checksum i of sums, of the first of parts whose file exists,
// while the attendant hears commands. It returns where the part ended: at the end of
// the file if that comes first and clip is set.
func (s *session) checksum(ctx context.Context, verb string, i int, clip bool, parts []wire.Part) (sum []byte, end int64, err error) {
	var names []string
	for j, p := range parts {
		name, err := s.fileName(ctx, p.Path)
		if err != nil && j == 0 {
			return nil, 0, err
		}
		if err != nil {
			parts = parts[:j] // the shorter paths behind it are no better
			break
		}
		names = append(names, name)
	}
	err = s.onFiles(verb, names[0], func(t *transfer) error {
		at, info, err := s.firstOf(t.ctx, names)
		if !errors.Is(err, fs.ErrNotExist) {
			s.foundPath = names[at]
		}
		if err != nil {
			return err
		}
		span := parts[at].Span
		if span.Start > info.Size() || span.End > info.Size() && !clip {
			return driver.ErrOffset
		}
		sum, end, err = t.sum(s.files, names[at], i, span, info.Size())
		return err
	})
	return sum, end, err
}

// firstOf finds the first of names that is a file.
func (a *account) firstOf(ctx context.Context, names []string) (at int, info fs.FileInfo, err error) {
	for i, name := range names {
		found, e := a.files.Stat(ctx, name)
		if e == nil && found.IsDir() {
			e = driver.ErrIsDir
		}
		_, ends := closing(e)
		if e == nil || i == 0 || ends {
			at, info, err = i, found, e
		}
		if !errors.Is(e, fs.ErrNotExist) {
			break
		}
	}
	return at, info, err
}

// sum asks the driver for a checksum, or computes it if the driver has none.
func (t *transfer) sum(files driver.FS, name string, i int, span wire.Span, size int64) (_ []byte, end int64, err error) {
	if span.End > size {
		span.End = size
	}
	length := int64(-1)
	if span.End >= 0 {
		length = span.End - span.Start
	}
	own, err := driver.Checksum(t.ctx, files, name, sums[i].name, span.Start, length)
	if !errors.Is(err, errors.ErrUnsupported) {
		if length < 0 {
			length = size - span.Start
		}
		return own, span.Start + length, err
	}
	file, err := files.Open(t.ctx, name, span.Start)
	if err != nil {
		return nil, 0, err
	}
	defer t.closeSource(file, &err)
	var from io.Reader = file
	if length >= 0 {
		from = io.LimitReader(file, length)
	}
	h := sums[i].make()
	if err := t.copyBytes(h, from); err != nil {
		return nil, 0, err
	}
	return h.Sum(nil), span.Start + t.bytes.Load(), nil
}
